// Rows as lines of at most 80 columns, with cells below one another.

const columns = 80

/** The lines of every row, columns as wide as they have to be; the last one is wrapped. */
export function aligned(
  rows: readonly (readonly string[])[],
  right: ReadonlySet<number>,
): string[][] {
  const widths: number[] = []
  for (const row of rows)
    for (const [at, cell] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, cell.length)
  return rows.map(row => {
    const last = row.length - 1
    const cells = row.slice(0, last).map((cell, at) => {
      const width = widths[at] ?? 0
      return right.has(at) ? cell.padStart(width) : cell.padEnd(width)
    })
    const lead = cells.map(cell => `${cell}  `).join('')
    const [begin = '', ...rest] = wrapped(row[last] ?? '', columns - lead.length)
    const indent = ' '.repeat(lead.length)
    return [`${lead}${begin}`.trimEnd(), ...rest.map(line => `${indent}${line}`)]
  })
}

function wrapped(text: string, width: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + word.length + 1 > width) {
      lines.push(line)
      line = ''
    }
    line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, line]
}
