// Passwords at the terminal: asked for without echo, or read from standard input by scripts.

import { openSync, readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import { ReadStream } from 'node:tty'
import { UserError } from './user-error.js'

/** 128 and the number of SIGINT, as shells have it. */
const interrupted = 130

/** Asks on the terminal, whatever standard input and output are. */
export async function askPassword(prompt: string): Promise<string> {
  const terminal = openTerminal()
  // readline edits the line, and all that it would show of it goes nowhere.
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() })
  const lines = createInterface({ input: terminal, output: silent, terminal: true })
  // Echo is off by now: whoever types as soon as he is asked is not shown.
  process.stderr.write(prompt)
  try {
    return await new Promise<string>((resolve, reject) => {
      lines.once('line', resolve)
      lines.once('SIGINT', () => reject(new UserError('Interrupted.', interrupted)))
      lines.once('close', () => reject(new UserError('No password was given.')))
    })
  } finally {
    lines.close()
    terminal.destroy()
    process.stderr.write('\n')
  }
}

/** A new one: twice, so that a slip of the finger locks nobody out. */
export async function askNewPassword(user: string): Promise<string> {
  const password = await askPassword(`Password of ${user}: `)
  if (password === '') throw new UserError('The password is empty.')
  const again = await askPassword(`Type password of ${user} again for confirmation: `)
  if (password !== again) throw new UserError('The passwords are different.')
  return password
}

/** The first line of standard input, for `--interactive=false`. */
export function readPassword(): string {
  return readFileSync(0, 'utf8').split(/\r?\n/, 1)[0] ?? ''
}

function openTerminal(): ReadStream {
  try {
    return new ReadStream(openSync('/dev/tty', 'r+'))
  } catch {
    throw new UserError(
      'There is no terminal to ask for the password on: give it with the user, as name:password.',
    )
  }
}
