// $(NAME) references in commands, arguments and values of variables.
// Counterpart: third_party/forked/golang/expansion of Kubernetes. Pure and linear in its input.

/**
 * `$(NAME)` becomes the value; what `valueOf` does not know stays as it is written; `$$` is a
 * dollar sign that starts no reference.
 */
export function expandReferences(
  text: string,
  valueOf: (name: string) => string | undefined,
): string {
  // Asked once, so that a text of many openings costs no search to its end for each.
  const lastClose = text.lastIndexOf(')')
  let expanded = ''
  let at = 0
  for (;;) {
    const dollar = text.indexOf('$', at)
    if (dollar === -1 || dollar === text.length - 1) return expanded + text.slice(at)
    expanded += text.slice(at, dollar)
    const next = text[dollar + 1]
    if (next === '$') {
      expanded += '$'
      at = dollar + 2
    } else if (next === '(') {
      const close = dollar + 2 > lastClose ? -1 : text.indexOf(')', dollar + 2)
      if (close === -1) {
        expanded += '$('
        at = dollar + 2
      } else {
        const name = text.slice(dollar + 2, close)
        expanded += valueOf(name) ?? text.slice(dollar, close + 1)
        at = close + 1
      }
    } else {
      // One that starts nothing swallows nothing.
      expanded += text.slice(dollar, dollar + 2)
      at = dollar + 2
    }
  }
}
