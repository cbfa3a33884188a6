// What runs first on a pseudo terminal that script(1) has made, and how a command gets through the
// one line of shell that script(1) takes.

/**
 * $1 where to note pid, start time and terminal, $2 where the size stands that the client has told so far, $3 path
 * of stty, then the command. The note comes before the size is looked for: who writes the size looks
 * for the note afterwards, so that one of the two sees the other.
 */
export const terminalScript = `
note=$1 size=$2 stty=$3
shift 3
"$stty" sane
read -r stat <"/proc/$$/stat"
ticks=$(set -f; set -- \${stat##*) }; printf %s "\${20}")
printf '%s %s %s\\n' "$$" "$ticks" "$(tty)" >"$note"
if read -r known 2>/dev/null <"$size"; then
  "$stty" $known
fi
exec "$@"
`

/** One word for a POSIX shell, whatever is in it. */
export function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`
}
