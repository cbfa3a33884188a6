// Which few of many queues a flow may use: a hand of cards, dealt by the flow's hash. Two flows seldom
// hold the same hand, so one that floods its queues leaves others a way around it.
// Counterpart: util/shufflesharding of apiserver, with 53 bits of hash instead of 60. Pure.

/** How many bits of hash all hands that can be dealt take. */
export function requiredEntropyBits(deckSize: number, handSize: number): number {
  if (handSize < 2) return Math.ceil(Math.log2(deckSize))
  let product = 1
  for (let card = 0; card < handSize; card++) product *= deckSize - card
  return Math.ceil(Math.log2(product))
}

/**
 * Indexes below `deckSize`, all different. `hash` is an integer below 2^53; `handSize` is at most
 * `deckSize`. Removing the cards that were dealt before is done by counting past them.
 */
export function dealHand(hash: number, deckSize: number, handSize: number): readonly number[] {
  const hand: number[] = []
  const sorted: number[] = []
  let rest = hash
  for (let dealt = 0; dealt < handSize; dealt++) {
    const left = deckSize - dealt
    let card = rest % left
    rest = Math.floor(rest / left)
    let at = 0
    while (at < sorted.length && (sorted[at] as number) <= card) {
      card += 1
      at += 1
    }
    sorted.splice(at, 0, card)
    hand.push(card)
  }
  return hand
}

/** An integer below 2^53 of the flow's two names; equal for equal ones, spread for others. */
export function flowHash(schema: string, distinguisher: string): number {
  let low = 0x811c9dc5
  let high = 0x1b873593
  for (const text of [schema, '\0', distinguisher]) {
    for (let at = 0; at < text.length; at++) {
      const unit = text.charCodeAt(at)
      low = Math.imul(low ^ unit, 0x01000193)
      high = Math.imul(high ^ unit, 0x85ebca6b)
      high = (high << 13) | (high >>> 19)
    }
  }
  return mixed(high ^ low) * 0x20_0000 + (mixed(low) >>> 11)
}

/** The last steps of MurmurHash3: every bit of the input reaches every bit of the result. */
function mixed(value: number): number {
  let bits = value
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b)
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35)
  return (bits ^ (bits >>> 16)) >>> 0
}
