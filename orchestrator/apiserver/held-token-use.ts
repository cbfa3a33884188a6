// Notes on which day the token of a Secret was last shown, by a label: what nobody uses any more can be found
// and removed. At most one write a Secret and day, and none that a request waits for.
// Counterpart: the legacy validator of pkg/serviceaccount.

import { must } from '../../platform/errors.js'
import type { Clock } from '../../platform/clock.js'
import type { Logger } from '../../platform/logger.js'
import { findKind } from '../api/kinds.js'
import { dayOfMs, lastUsedLabel } from '../api/legacy-token.js'
import type { KubeObject } from '../api/object.js'
import type { ObjectReader } from './object-reader.js'
import type { ObjectWriter } from './object-writer.js'

/** Notes under way; what comes meanwhile is noted with its next use. */
const writesMax = 64

export interface HeldTokenUseParts {
  readonly reader: ObjectReader
  readonly writer: ObjectWriter
  readonly clock: Clock
  readonly logger: Logger
}

export class HeldTokenUse {
  readonly #parts: HeldTokenUseParts
  readonly #writing = new Set<string>()
  readonly #secrets = must(findKind('', 'v1', 'secrets'), 'secrets are served')

  constructor(parts: HeldTokenUseParts) {
    this.#parts = parts
  }

  note(namespace: string, name: string): void {
    const { reader, clock, logger } = this.#parts
    const today = dayOfMs(clock.wallMs())
    const seen = reader.cachedAt('', 'secrets', namespace, name)?.object
    const key = `${namespace}/${name}`
    if (seen === undefined || seen.metadata.labels?.[lastUsedLabel] === today) return
    if (this.#writing.has(key) || this.#writing.size >= writesMax) return
    this.#writing.add(key)
    this.#write(namespace, name, today)
      .catch((error: unknown) => {
        logger.debug({ secret: key, error: String(error) }, 'the use of a token was not noted')
      })
      .finally(() => this.#writing.delete(key))
  }

  async #write(namespace: string, name: string, day: string): Promise<void> {
    const put = (current: KubeObject) => {
      const labels = { ...current.metadata.labels, [lastUsedLabel]: day }
      const object = { ...current, metadata: { ...current.metadata, labels } }
      return { kind: 'put', object } as const
    }
    await this.#parts.writer.change(this.#secrets, namespace, name, put, false)
  }
}
