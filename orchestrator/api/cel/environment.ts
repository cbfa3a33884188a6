// The functions that every expression of users may call. Counterpart: the base environment of
// k8s.io/apiserver/pkg/cel/environment.

import { Environment } from '@marcbachmann/cel-js'
import { withAddresses } from './library/addresses.js'
import { withComprehensions } from './library/comprehensions.js'
import { withFormats } from './library/formats.js'
import { withLists } from './library/lists.js'
import { withMessages } from './library/messages.js'
import { withQuantities } from './library/quantities.js'
import { withTexts } from './library/texts.js'
import { withUrls } from './library/urls.js'
import { withVersions } from './library/versions.js'

const libraries = [
  withAddresses,
  withComprehensions,
  withFormats,
  withLists,
  withMessages,
  withQuantities,
  withTexts,
  withUrls,
  withVersions,
]

const base = libraries.reduce(
  (environment, extend) => extend(environment),
  new Environment({
    enableOptionalTypes: true,
    homogeneousAggregateLiterals: false,
    limits: { maxAstNodes: 5_000, maxDepth: 64 },
  }),
)

/** To be given variables, and functions of its own. */
export function celEnvironment(): Environment {
  return base.clone()
}
