// The tiny shell script between the kubelet and a container's main process. It is the parent that
// outlives the kubelet, so that an exit code is never lost: it notes who it started, waits, ends
// what the main process left behind, and notes how it ended. Counterpart: containerd's shim.
//
// Everything reaches it as positional arguments; nothing is ever interpolated. Only builtins of a
// POSIX shell are used, besides setsid, which makes the main process the leader of a session and
// process group of its own, so that one signal reaches all it forks and spares the script.

/** Names in a container's io directory. Notes are written once, by one write of one line. */
export const ioFiles = {
  /** A FIFO, where the container has an input at all. */
  stdin: 'stdin',
  stdout: 'stdout',
  stderr: 'stderr',
  /** "<pid> <start ticks> <supervisor pid> <supervisor start ticks>" */
  started: 'started',
  /** The exit code as a shell counts it: 128 + signal for a process that was signalled. */
  exit: 'exit',
} as const

/**
 * $1 io directory, $2 path of setsid, then the command. Where there is a FIFO for the input, the script
 * holds it open, so that it has no end between one client and the next; a SIGUSR2 gives it its end.
 * A kubelet that no longer wants this start
 * has removed the io directory: the note cannot be written, and what was started is ended again.
 * The traps keep a stray signal from ending the script before its child; they are not inherited.
 */
export const supervisorScript = `
io=$1 setsid=$2
shift 2
trap : HUP INT TERM USR2
if [ -p "$io/stdin" ]; then
  exec 4<>"$io/stdin"
  trap 'exec 4>&-' USR2
  "$setsid" "$@" <"$io/stdin" 4>&- &
else
  "$setsid" "$@" &
fi
child=$!
read -r stat <"/proc/$child/stat"
set -f
set -- \${stat##*) }
ticks=\${20}
read -r stat <"/proc/$$/stat"
set -- \${stat##*) }
printf '%s %s %s %s\\n' "$child" "$ticks" "$$" "\${20}" >"$io/started" || {
  kill -s KILL "$child"
  kill -s KILL -- "-$child"
  exit 1
}
while :; do
  wait "$child"
  code=$?
  kill -0 "$child" 2>/dev/null || break
done
kill -s KILL -- "-$child" 2>/dev/null
printf '%s\\n' "$code" >"$io/exit"
`

export interface StartedNote {
  readonly pid: number
  readonly startTicks: number
  readonly supervisorPid: number
  readonly supervisorStartTicks: number
}

/** Null for a note that is not (wholly) written. */
export function parseStarted(text: string): StartedNote | null {
  const match = /^(\d{1,10}) (\d{1,19}) (\d{1,10}) (\d{1,19})\n$/.exec(text)
  if (match === null) return null
  return {
    pid: Number(match[1]),
    startTicks: Number(match[2]),
    supervisorPid: Number(match[3]),
    supervisorStartTicks: Number(match[4]),
  }
}

/** Null for a note that is not (wholly) written. */
export function parseExit(text: string): number | null {
  const match = /^(\d{1,3})\n$/.exec(text)
  return match === null ? null : Number(match[1])
}

const shellName = /^[A-Za-z_][A-Za-z0-9_]*$/

/**
 * A shell hands on only variables whose names it could use itself; Kubernetes allows more ("a.b").
 * Those few travel through env(1), the rest through the environment, which other users cannot read.
 */
export function splitEnv(env: ReadonlyMap<string, string>): {
  readonly environment: Readonly<Record<string, string>>
  readonly assignments: readonly string[]
} {
  const environment: Record<string, string> = Object.create(null)
  const assignments: string[] = []
  for (const [name, value] of env) {
    if (shellName.test(name)) environment[name] = value
    else assignments.push(`${name}=${value}`)
  }
  return { environment, assignments }
}
