// Which address a new load balancer gets. Pure. Each address serves one Service, so that their ports never meet.

import { RaftsmanError } from '../../../../platform/errors.js'
import { rangeContains } from '../../../api/address-range.js'

export class PoolError extends RaftsmanError {
  constructor(message: string) {
    super(message, { code: 'balancer-addresses', retryable: true, outcome: 'not-applied' })
  }
}

export interface AddressWish {
  /** As in "127.200.0.0/16": IPv4. */
  readonly cidr: string
  /** Where it is already; '' where it is new. */
  readonly current: string
  /** What its user asks for; '' for any. */
  readonly asked: string
  /** Those of other Services. */
  readonly taken: ReadonlySet<string>
}

/** Throws PoolError. */
export function chooseAddress({ cidr, current, asked, taken }: AddressWish): string {
  const wanted = asked === '' ? current : asked
  const usable = wanted !== '' && rangeContains(cidr, `${wanted}/32`)
  if (asked !== '') {
    if (!usable) throw new PoolError(`the address ${asked} is not one of ${cidr}`)
    if (taken.has(asked)) throw new PoolError(`the address ${asked} is taken by another Service`)
  }
  if (usable && !taken.has(wanted)) return wanted
  const [base = '', bits = ''] = cidr.split('/')
  const first = base.split('.').reduce((sum, part) => sum * 256 + Number(part), 0)
  const count = 2 ** (32 - Number(bits))
  // The first one names the network, the last all of it.
  const from = count > 2 ? 1 : 0
  const to = count > 2 ? count - 1 : count
  for (let offset = from; offset < to; offset += 1) {
    const address = textOf(first + offset)
    if (!taken.has(address)) return address
    // As many as may be taken at most, and one.
    if (offset - from > taken.size) break
  }
  throw new PoolError(`no address of ${cidr} is free`)
}

const textOf = (address: number): string =>
  [24, 16, 8, 0].map(shift => Math.floor(address / 2 ** shift) % 256).join('.')
