// Objects as YAML text. Readers speak YAML 1.1, to whom a bare yes is a boolean and 22:22 a number, so
// such texts are quoted. Counterpart: sigs.k8s.io/yaml.

import { Document, isPair, isScalar, visit } from 'yaml'
import type { Json } from './object.js'

/** A key that asks for a merge when it stands bare; nothing else writes one. */
const mergeKey = '<<'

export function yamlText(value: Json): string {
  const document = new Document(value, {
    aliasDuplicateObjects: false,
    version: '1.1',
    // The tag would print the key bare, whatever is said below.
    customTags: tags => tags.filter(tag => !isMergeTag(typeof tag === 'string' ? tag : tag.tag)),
  })
  visit(document, {
    Pair(_, pair) {
      if (isPair(pair) && isScalar(pair.key) && pair.key.value === mergeKey) {
        pair.key.type = 'QUOTE_DOUBLE'
      }
    },
  })
  return document.toString()
}

function isMergeTag(tag: string): boolean {
  return tag === 'merge' || tag.endsWith(':merge')
}
