// Reads values of a configuration with the path at which each stands, so that a complaint says where. Nothing
// unknown is passed over: a misspelt field is an error, as with the original's strict decoding.

import { RaftsmanError } from '../../../../platform/errors.js'

export class ConfigurationError extends RaftsmanError {
  constructor(message: string) {
    super(message, { code: 'scheduler-configuration', retryable: false, outcome: 'not-applied' })
  }
}

export class ValueReader {
  readonly path: string
  private readonly value: unknown

  constructor(value: unknown, path: string) {
    this.value = value
    this.path = path
  }

  get isAbsent(): boolean {
    return this.value === undefined || this.value === null
  }

  fail(what: string): never {
    throw new ConfigurationError(`${this.path === '' ? 'the configuration' : this.path}: ${what}`)
  }

  /** A reader of each field; an absent object has none. */
  fields<K extends string>(names: readonly K[]): Readonly<Record<K, ValueReader>> {
    if (!this.isAbsent && (typeof this.value !== 'object' || Array.isArray(this.value))) {
      this.fail('must be a map')
    }
    const object = (this.value ?? {}) as Readonly<Record<string, unknown>>
    for (const name of Object.keys(object)) {
      if (!names.some(known => known === name)) {
        this.fail(`unknown field "${name}"; there are ${[...names].sort().join(', ')}`)
      }
    }
    const inside = this.path === '' ? '' : `${this.path}.`
    const readers = names.map(
      name =>
        [
          name,
          new ValueReader(
            Object.hasOwn(object, name) ? object[name] : undefined,
            `${inside}${name}`,
          ),
        ] as const,
    )
    return Object.fromEntries(readers) as Record<K, ValueReader>
  }

  /** Of an absent list: none. */
  items(): readonly ValueReader[] {
    if (this.isAbsent) return []
    if (!Array.isArray(this.value)) this.fail('must be a list')
    return (this.value as readonly unknown[]).map(
      (item, at) => new ValueReader(item, `${this.path}[${at}]`),
    )
  }

  text(fallback?: string): string {
    if (this.isAbsent && fallback !== undefined) return fallback
    if (typeof this.value !== 'string' || this.value === '') this.fail('must be a text')
    return this.value
  }

  oneOf<T extends string>(choices: readonly T[], fallback?: T): T {
    if (this.isAbsent && fallback !== undefined) return fallback
    const found = choices.find(choice => choice === this.value)
    return found ?? this.fail(`must be one of ${choices.join(', ')}`)
  }

  integer(least: number, most: number, fallback?: number): number {
    if (this.isAbsent && fallback !== undefined) return fallback
    const { value } = this
    if (typeof value !== 'number' || !Number.isInteger(value) || value < least || value > most) {
      return this.fail(`must be a whole number from ${least} to ${most}`)
    }
    return value
  }

  flag(fallback: boolean): boolean {
    if (this.isAbsent) return fallback
    if (typeof this.value !== 'boolean') this.fail('must be true or false')
    return this.value
  }

  /** As it is, for what others validate. */
  get raw(): unknown {
    return this.value
  }
}
