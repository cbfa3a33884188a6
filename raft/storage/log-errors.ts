// Why a log cannot be opened. Each says what a person can do; none is ever worked around silently.

import { RaftsmanError } from '../../platform/errors.js'

/** Content that was durable is damaged. What was acknowledged may be lost if it were cut here. */
export class LogCorrupt extends RaftsmanError {
  readonly file: string
  /** Of the first bad byte's record, in bytes from the start of the file. */
  readonly offset: number
  readonly detail: string

  constructor(file: string, offset: number, detail: string) {
    super(
      `the log is damaged at byte ${offset} of ${file}: ${detail}; ` +
        'nothing was changed; replace this member or restore its directory from a good copy',
      { code: 'log-corrupt', retryable: false, outcome: 'not-applied' },
    )
    this.file = file
    this.offset = offset
    this.detail = detail
  }
}

/** The directory belongs to another cluster, node or format. */
export class LogMismatch extends RaftsmanError {
  constructor(directory: string, detail: string) {
    super(`the log in ${directory} cannot be used here: ${detail}`, {
      code: 'log-mismatch',
      retryable: false,
      outcome: 'not-applied',
    })
  }
}

/** Another living process owns the directory. */
export class DirectoryLocked extends RaftsmanError {
  constructor(directory: string, pid: number) {
    super(`the log in ${directory} is in use by process ${pid}; stop it first`, {
      code: 'directory-locked',
      retryable: true,
      outcome: 'not-applied',
    })
  }
}

/** Entries that were durable cannot be read back: the disk fails, or they are damaged. */
export class LogUnreadable extends RaftsmanError {
  readonly file: string
  readonly offset: number

  constructor(file: string, offset: number, detail: string, cause?: unknown) {
    super(`the log cannot be read at byte ${offset} of ${file}: ${detail}`, {
      code: 'log-unreadable',
      retryable: false,
      outcome: 'not-applied',
      cause,
    })
    this.file = file
    this.offset = offset
  }
}

/** A read that was not begun. */
export class LogReadRefused extends RaftsmanError {
  constructor(code: 'log-busy' | 'log-out-of-range', detail: string) {
    super(detail, { code, retryable: code === 'log-busy', outcome: 'not-applied' })
  }
}
