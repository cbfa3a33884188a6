// Names in golden scripts for what differs from run to run: a name is bound by the first line that it
// stands in, and is that text from then on.

const placeholder = /<([a-z][a-z0-9]*(?:-[a-z]+)*)([+-]\d+)?>|<([#*])>/g
/** Shorter ones stand in many places by chance. */
const tellingLength = 6

const escaped = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&')

export class Bindings {
  readonly #texts: Map<string, string>

  constructor(names: Readonly<Record<string, string>>) {
    this.#texts = new Map(Object.entries(names))
  }

  copy(): Bindings {
    return new Bindings(Object.fromEntries(this.#texts))
  }

  /** The text with what its names stand for; unknown ones as they are. */
  fill(text: string): string {
    return text.replaceAll(placeholder, (all, name?: string, offset?: string) => {
      const bound = name === undefined ? undefined : this.#texts.get(name)
      if (bound === undefined) return all
      return offset === undefined ? bound : String(BigInt(bound) + BigInt(offset))
    })
  }

  /** The lines that were printed, each in the words of the expectation where it meets that. */
  match(expected: readonly string[], printed: readonly string[], unordered = false): string[] {
    if (!unordered) {
      return printed.map((line, at) => {
        const pattern = expected[at]
        return pattern !== undefined && this.#meets(pattern, line) ? pattern : this.#named(line)
      })
    }
    const left = [...printed]
    const met = expected.filter(pattern => {
      const at = left.findIndex(line => this.#meets(pattern, line))
      if (at !== -1) left.splice(at, 1)
      return at !== -1
    })
    return [...met, ...left.map(line => this.#named(line))]
  }

  /** With names in place of what they stand for. */
  #named(line: string): string {
    const telling = [...this.#texts].filter(([, text]) => text.length >= tellingLength)
    return telling.reduce((rest, [name, text]) => rest.replaceAll(text, `<${name}>`), line)
  }

  #meets(pattern: string, line: string): boolean {
    const learned: string[] = []
    let source = ''
    let at = 0
    for (const found of pattern.matchAll(placeholder)) {
      const [all, name, offset, wild] = found
      source += escaped(pattern.slice(at, found.index))
      at = found.index + all.length
      if (wild === '#') source += String.raw`-?\d+(?:\.\d+)?`
      else if (wild === '*') source += '.*'
      else if (name !== undefined && this.#texts.has(name)) source += escaped(this.fill(all))
      else if (name !== undefined && offset === undefined && !learned.includes(name)) {
        learned.push(name)
        source += String.raw`(\S+?)`
      } else if (name !== undefined && learned.includes(name) && offset === undefined) {
        source += `\\${learned.indexOf(name) + 1}`
      } else source += escaped(all)
    }
    source += escaped(pattern.slice(at))
    const match = new RegExp(`^${source}$`).exec(line)
    if (match === null) return false
    for (const [index, name] of learned.entries()) this.#texts.set(name, match[index + 1] ?? '')
    return true
  }
}
