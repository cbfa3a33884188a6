// Objects by name in an expression, `Object.spec{replicas: 3}`, which the library's grammar does not
// have: they are rewritten to a call with a map before parsing, and places are told in the original.
// Counterpart: message construction of CEL, and k8s.io/apiserver/pkg/cel/mutation.

/** The functions that make an object, or a step of a JSON patch, of a name and a map. */
export const messageFunction = 'messageOf'
export const patchFunction = 'patchOf'

export interface PlainSource {
  readonly text: string
  /** From an offset in `text` to the one in the expression that it stands for. */
  readonly origin: (offset: number) => number
  /** A name of an object that there is not, and where it stands; null when all are known. */
  readonly unknown: { readonly name: string; readonly offset: number } | null
}

const token =
  /(?<space>\s+|\/\/[^\n]*)|(?<text>[rRbB]{0,2}(?:"""(?:\\[\s\S]|(?!""")[\s\S])*"""|'''(?:\\[\s\S]|(?!''')[\s\S])*'''|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'))|(?<name>[A-Za-z_]\w*)|(?<other>[\s\S])/gy

const keywords: ReadonlySet<string> = new Set(['in', 'true', 'false', 'null'])

interface Piece {
  /** As in the expression. */
  readonly text: string
  readonly start: number
  readonly kind: 'space' | 'text' | 'name' | 'other'
}

function piecesOf(expression: string): Piece[] {
  return [...expression.matchAll(token)].map(match => {
    const { space, text, name } = match.groups ?? {}
    const kind =
      space !== undefined
        ? 'space'
        : text !== undefined
          ? 'text'
          : name !== undefined
            ? 'name'
            : 'other'
    return { text: match[0], start: match.index, kind }
  })
}

class Rewriting {
  text = ''
  /** Offsets in `text`, ascending, and what stands for them in the expression. */
  readonly #marks: (readonly [to: number, from: number])[] = []

  copy(piece: Piece): void {
    this.write(piece.text, piece.start)
  }

  write(text: string, from: number): void {
    this.#marks.push([this.text.length, from])
    this.text += text
  }

  origin(offset: number): number {
    let found: readonly [number, number] = [0, 0]
    for (const mark of this.#marks) {
      if (mark[0] > offset) break
      found = mark
    }
    return found[1] + offset - found[0]
  }
}

/** The same expression where it has none. */
export function withPlainLiterals(expression: string): PlainSource {
  if (!/\w\s*\{/.test(expression))
    return { text: expression, origin: offset => offset, unknown: null }
  const pieces = piecesOf(expression)
  const names = messageNames(pieces)
  const out = new Rewriting()
  let unknown: PlainSource['unknown'] = null
  // Of each open bracket: whether it is that of an object, and whether a field's name comes next.
  const open: { readonly message: boolean; naming: boolean }[] = []
  for (let at = 0; at < pieces.length; at++) {
    const piece = pieces[at]
    if (piece === undefined) break
    const name = names.get(at)
    if (name !== undefined) {
      const make = name.name === 'JSONPatch' ? patchFunction : messageFunction
      if (make === messageFunction && !/^Object(?:\.|$)/.test(name.name)) {
        unknown ??= { name: name.name, offset: pieces[name.brace]?.start ?? piece.start }
      }
      out.write(`${make}(${JSON.stringify(name.name)},{`, piece.start)
      open.push({ message: true, naming: true })
      at = name.brace
      continue
    }
    const inner = open.at(-1)
    if (inner?.message === true && inner.naming && (piece.kind === 'name' || piece.text === '?')) {
      const isOptional = piece.text === '?'
      if (isOptional) at += 1
      const field = pieces[at]
      out.write(JSON.stringify(`${isOptional ? '?' : ''}${field?.text ?? ''}`), piece.start)
      inner.naming = false
    } else if (piece.text === '{' || piece.text === '(' || piece.text === '[') {
      open.push({ message: false, naming: false })
      out.copy(piece)
    } else if (piece.text === '}' || piece.text === ')' || piece.text === ']') {
      const closed = open.pop()
      out.write(closed?.message === true ? `${piece.text})` : piece.text, piece.start)
    } else {
      if (piece.text === ',' && inner !== undefined) inner.naming = true
      out.copy(piece)
    }
  }
  return { text: out.text, origin: offset => out.origin(offset), unknown }
}

/** By the place of their first piece: names that are followed by a brace, and where that is. */
function messageNames(
  pieces: readonly Piece[],
): ReadonlyMap<number, { readonly name: string; readonly brace: number }> {
  const found = new Map<number, { readonly name: string; readonly brace: number }>()
  for (let at = 0; at < pieces.length; at++) {
    const piece = pieces[at]
    if (piece?.kind !== 'name' || keywords.has(piece.text)) continue
    let name = piece.text
    let next = at + 1
    while (pieces[next]?.text === '.' && pieces[next + 1]?.kind === 'name') {
      name += `.${pieces[next + 1]?.text ?? ''}`
      next += 2
    }
    let brace = next
    while (pieces[brace]?.kind === 'space') brace++
    if (pieces[brace]?.text === '{') found.set(at, { name, brace })
    at = next - 1
  }
  return found
}
