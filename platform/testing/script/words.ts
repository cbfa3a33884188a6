// The words of a command line in a golden script.

/** As a shell cuts them: with quotes of both kinds, and nothing else. */
export function wordsOf(text: string): string[] {
  return [...text.matchAll(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g)].map(([word]) =>
    word.replace(
      /"([^"]*)"|'([^']*)'/g,
      (_all, one?: string, other?: string) => one ?? other ?? '',
    ),
  )
}
