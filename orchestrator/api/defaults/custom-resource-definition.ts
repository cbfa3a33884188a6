// Counterpart: apiextensions/v1/defaults.go.

import type { KubeObject } from '../object.js'
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionNames,
  WebhookConversion,
} from '../types/apiextensions.js'

const httpsPort = 443

/** Kind is where the names that a user leaves out come from. */
function names(given: CustomResourceDefinitionNames): CustomResourceDefinitionNames {
  const { singular = '', listKind = '', kind } = given
  return {
    ...given,
    ...(singular === '' && kind !== '' ? { singular: kind.toLowerCase() } : {}),
    ...(listKind === '' && kind !== '' ? { listKind: `${kind}List` } : {}),
  }
}

function webhook(given: WebhookConversion): WebhookConversion {
  const service = given.clientConfig?.service
  if (service === undefined || service.port !== undefined) return given
  return {
    ...given,
    clientConfig: { ...given.clientConfig, service: { ...service, port: httpsPort } },
  }
}

export function customResourceDefinitionDefaults(object: KubeObject): KubeObject {
  const definition = object as CustomResourceDefinition
  const { spec } = definition as Partial<CustomResourceDefinition>
  if (spec === undefined) return object
  const { conversion = { strategy: 'None' } } = spec
  const defaulted: CustomResourceDefinition = {
    ...definition,
    spec: {
      ...spec,
      names: names(spec.names),
      conversion:
        conversion.webhook === undefined
          ? conversion
          : { ...conversion, webhook: webhook(conversion.webhook) },
    },
  }
  return defaulted
}
