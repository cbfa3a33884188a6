// A small model of what the kernel does with the commands that we send: all of a transaction or nothing, no
// mention of what is not there, no deletion of what is mentioned. For tests; knows one table's commands alone.

interface Rules {
  readonly base: string
  readonly rules: string[]
}

interface State {
  readonly chains: Map<string, Rules>
  readonly sets: Map<
    string,
    { readonly declaration: string; readonly elements: Map<string, string> }
  >
}

const copied = ({ chains, sets }: State): State => ({
  chains: new Map(
    [...chains].map(([name, { base, rules }]) => [name, { base, rules: [...rules] }]),
  ),
  sets: new Map(
    [...sets].map(([name, { declaration, elements }]) => [
      name,
      { declaration, elements: new Map(elements) },
    ]),
  ),
})

export class KernelModel {
  #state: State | null = null

  /** One `nft -f`. @throws Error, and nothing has changed */
  run(commands: string): void {
    let state = this.#state === null ? null : copied(this.#state)
    for (const line of commands.trimEnd().split('\n')) {
      if (line.startsWith('add table ')) state ??= { chains: new Map(), sets: new Map() }
      else if (line.startsWith('delete table ')) state = null
      else if (state === null) throw new Error(`no table: ${line}`)
      else step(state, line)
    }
    this.#state = state
  }

  /** A text that is the same for the same contents. */
  get contents(): string {
    if (this.#state === null) return 'none'
    const lines = [
      ...[...this.#state.chains].map(
        ([name, { base, rules }]) => `${name} ${base} ${rules.join('; ')}`,
      ),
      ...[...this.#state.sets].map(
        ([name, { declaration, elements }]) =>
          `${name} ${declaration} ${[...elements]
            .map(pair => pair.join(':'))
            .sort()
            .join(', ')}`,
      ),
    ]
    return lines.sort().join('\n')
  }
}

function step(state: State, line: string): void {
  const match = /^(add|delete|flush) (chain|rule|set|map|element) ip6? \S+ (\S+) ?(.*)$/.exec(line)
  if (match === null) throw new Error(`not understood: ${line}`)
  const [, verb = '', what = '', name = '', rest = ''] = match
  const chain = state.chains.get(name)
  const set = state.sets.get(name)
  const missing = (): never => {
    throw new Error(`no such ${what}: ${line}`)
  }
  switch (`${verb} ${what}`) {
    case 'add chain':
      if (chain === undefined) state.chains.set(name, { base: rest, rules: [] })
      return
    case 'flush chain':
      ;(chain ?? missing()).rules.length = 0
      return
    case 'add rule':
      mustExist(state, rest)
      ;(chain ?? missing()).rules.push(rest)
      return
    case 'delete chain':
      if ((chain ?? missing()).rules.length > 0) throw new Error(`not empty: ${line}`)
      mustBeFree(state, name)
      state.chains.delete(name)
      return
    case 'add set':
    case 'add map':
      state.sets.set(name, { declaration: rest, elements: new Map() })
      return
    case 'delete set':
    case 'delete map':
      if (set === undefined) missing()
      mustBeFree(state, name)
      state.sets.delete(name)
      return
    default:
  }
  for (const element of rest.slice(2, -2).split(', ')) {
    const [key = '', value = ''] = element.split(' : ')
    const { elements } = set ?? missing()
    if (verb === 'delete' && !elements.delete(key)) throw new Error(`no element ${key}: ${line}`)
    if (verb !== 'add') continue
    if (elements.has(key)) throw new Error(`element ${key} is there: ${line}`)
    mustExist(state, value)
    elements.set(key, value)
  }
}

const mentions = (text: string): readonly string[] =>
  [...text.matchAll(/(?:goto |jump |@)([^\s,]+)/g)].map(([, name]) => name ?? '')

function mustExist({ chains, sets }: State, text: string): void {
  for (const name of mentions(text)) {
    if (!chains.has(name) && !sets.has(name)) throw new Error(`nothing is called ${name}: ${text}`)
  }
}

function mustBeFree({ chains, sets }: State, name: string): void {
  const texts = [
    ...[...chains.values()].flatMap(({ rules }) => rules),
    ...[...sets.values()].flatMap(({ elements }) => [...elements.values()]),
  ]
  const holder = texts.find(text => mentions(text).includes(name))
  if (holder !== undefined) throw new Error(`${name} is in use: ${holder}`)
}
