// Operations on registers, remembered as calls and answers without any revision: what the search for a
// linear order of each key is given (checker/linearizability.ts). It would notice a witness that lies.

import type { RegisterCall, RegisterOperation } from '../../checker/linearizability.js'
import { checkRegister } from '../../checker/linearizability.js'
import type { Compare, KeyValue } from '../../../store/core/types.js'
import { SimulationFailure } from '../failure.js'
import { chance, pick } from '../streams.js'
import type { Asked, Asker } from './asker.js'

const utf8 = (text: string): Buffer => Buffer.from(text)
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString()

/** Configurations that the search for one key may look at. */
const stepsMax = 200_000

type Answer = RegisterOperation['answer']

export class RegisterHistory {
  private readonly operations = new Map<string, RegisterOperation[]>()

  note(key: string, call: RegisterCall, calledMs: number, answer: Answer): void {
    const known = this.operations.get(key)
    const operation = { call, calledMs, answer }
    if (known === undefined) this.operations.set(key, [operation])
    else known.push(operation)
  }

  judge(mark: (fact: string) => void): void {
    for (const [key, operations] of this.operations) {
      const { verdict, linearized } = checkRegister(operations, stepsMax)
      mark(`linearizable key: ${verdict}`)
      if (verdict !== 'invalid') continue
      throw new SimulationFailure(
        'linearizable-keys',
        `${operations.length} operations on ${key} have no linear order; ${linearized} have`,
      )
    }
  }
}

/** Remembers one call. A call that failed and may have happened is left open. */
async function noted<T>(
  asker: Asker,
  key: string,
  call: RegisterCall,
  { done, failed }: Pick<Asked<T>, 'done' | 'failed'>,
  answer: (response: T) => NonNullable<Answer>['value'],
): Promise<T | null> {
  const { registers, scheduler } = asker.world
  const calledMs = scheduler.nowMs
  const response = await done
  if (response !== null)
    registers.note(key, call, calledMs, { atMs: scheduler.nowMs, value: answer(response) })
  else if (call.kind !== 'read' && failed() === 'unknown') registers.note(key, call, calledMs, null)
  return response
}

/** Null: the key is not there. Undefined: nobody answered. */
export async function readRegister(
  asker: Asker,
  key: string,
): Promise<KeyValue | null | undefined> {
  const range = await noted(
    asker,
    key,
    { kind: 'read' },
    asker.range({ key: utf8(key) }),
    ({ kvs }) => (kvs[0] === undefined ? null : text(kvs[0].value)),
  )
  return range === null ? undefined : (range.kvs[0] ?? null)
}

export async function putRegister(asker: Asker, key: string, padding: string): Promise<void> {
  const asked = asker.put(key, padding)
  const call = { kind: 'put', value: asked.mark + padding } as const
  await noted(asker, key, call, asked, () => undefined)
}

export async function deleteRegister(asker: Asker, key: string): Promise<void> {
  await noted(asker, key, { kind: 'delete' }, asker.delete(key), ({ deleted }) => deleted > 0)
}

/** Replaces what was seen. Values are never written twice, so each way to compare means the same. */
export async function swapRegister(
  asker: Asker,
  key: string,
  seen: KeyValue | null,
  padding: string,
): Promise<void> {
  const name = { key: utf8(key), result: 'equal' } as const
  const compare: Compare =
    seen === null
      ? { ...name, target: 'create', createRevision: 0 }
      : pick<Compare>(asker.random, [
          { ...name, target: 'mod', modRevision: seen.modRevision },
          { ...name, target: 'value', value: seen.value },
        ])
  const reads = chance(asker.random, 0.5)
  const asked = asker.txn(mark => ({
    compare: [compare],
    success: [{ kind: 'put', request: { key: utf8(key), value: utf8(mark + padding) } }],
    failure: reads ? [{ kind: 'range', request: { key: utf8(key) } }] : [],
  }))
  const from = seen === null ? null : text(seen.value)
  const call = { kind: 'swap', from, value: asked.mark + padding } as const
  await noted(asker, key, call, asked, ({ succeeded }) => succeeded)
}
