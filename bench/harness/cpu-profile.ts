// Where a CPU profile of V8 says that time went: by part of the program, and by function. The sampler goes by
// the clock on the wall, so a process that waits for a core counts as one that works.

/** As Chrome's developer tools have it, microseconds throughout. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number
    readonly callFrame: {
      readonly functionName: string
      readonly url: string
      /** From 0. */
      readonly lineNumber: number
    }
  }[]
  readonly startTime: number
  readonly endTime: number
  /** Ids of nodes. */
  readonly samples: readonly number[]
  /** Between each sample and the one before. */
  readonly timeDeltas: readonly number[]
}

/** Of the whole window, the largest first. */
export interface Shares {
  readonly windowMicros: number
  readonly parts: readonly (readonly [name: string, share: number])[]
  readonly functions: readonly (readonly [name: string, share: number])[]
}

const own: Readonly<Record<string, string>> = {
  '(idle)': 'idle',
  '(garbage collector)': 'garbage collection',
  '(program)': 'native code that is not told apart',
}

/** Of the samples between so many microseconds before the end. */
export function sharesOf(profile: CpuProfile, fromMicros: number, toMicros: number): Shares {
  const frames = new Map(profile.nodes.map(({ id, callFrame }) => [id, callFrame]))
  const parts = new Map<string, number>()
  const functions = new Map<string, number>()
  const add = (sums: Map<string, number>, name: string, micros: number) => {
    sums.set(name, (sums.get(name) ?? 0) + micros)
  }
  let windowMicros = 0
  let at = profile.startTime
  for (const [number, id] of profile.samples.entries()) {
    const micros = profile.timeDeltas[number] ?? 0
    at += micros
    if (at < profile.endTime - fromMicros || at > profile.endTime - toMicros) continue
    const frame = frames.get(id)
    if (frame === undefined) continue
    windowMicros += micros
    add(parts, partOf(frame.functionName, frame.url), micros)
    const name = own[frame.functionName]
    if (name !== undefined) continue
    const place = frame.url === '' ? 'native' : `${shortOf(frame.url)}:${frame.lineNumber + 1}`
    add(functions, `${frame.functionName || '(anonymous)'} ${place}`, micros)
  }
  return {
    windowMicros,
    parts: ranked(parts, windowMicros),
    functions: ranked(functions, windowMicros),
  }
}

function partOf(functionName: string, url: string): string {
  const name = own[functionName]
  if (name !== undefined) return name
  if (url === '') return 'native code, system calls included'
  if (url.startsWith('node:')) return 'node'
  const short = shortOf(url)
  const folders = short.split('/').slice(0, -1)
  // A package as a whole, with its scope; two folders of ours.
  if (url.includes('/node_modules/'))
    return folders.slice(0, short.startsWith('@') ? 2 : 1).join('/')
  return folders.slice(0, 2).join('/')
}

/** Behind the folder of packages, or of what was compiled. */
function shortOf(url: string): string {
  return url.replace(/^.*\/(node_modules|dist)\//, '')
}

function ranked(sums: Map<string, number>, whole: number): [string, number][] {
  return [...sums]
    .map(([name, micros]): [string, number] => [name, micros / whole])
    .sort(([, a], [, b]) => b - a)
}
