// Where a webhook is called, as definitions and admission both say it. Counterpart:
// apiserver/pkg/util/webhook/validation.go.

import type { FieldError } from '../kind.js'
import type { WebhookClientConfig } from '../types/admission-webhook.js'
import { invalidFor, invalidValue, required } from './field-errors.js'
import { dns1123Subdomain, portNumber } from './names.js'

const form = 'desired format: https://host[/path]'

/** `field` is that of the clientConfig. */
export function validateWebhookClient(
  { url, service }: Partial<WebhookClientConfig>,
  field: string,
): FieldError[] {
  if ((url === undefined) === (service === undefined)) {
    return [required(field, 'exactly one of url or service is required')]
  }
  if (url !== undefined) return validateUrl(url, `${field}.url`)
  const errors: FieldError[] = []
  const { name = '', namespace = '', path = '', port = 443 } = service ?? {}
  if (name === '') errors.push(required(`${field}.service.name`, 'service name is required'))
  if (namespace === '') {
    errors.push(required(`${field}.service.namespace`, 'service namespace is required'))
  }
  for (const detail of portNumber(port)) {
    errors.push(invalidValue(`${field}.service.port`, port, `port is not valid: ${detail}`))
  }
  return [...errors, ...invalidFor(`${field}.service.path`, path, pathDetails(path))]
}

function pathDetails(path: string): readonly string[] {
  if (path === '' || path === '/') return []
  if (path === '//') return ['segment[0] may not be empty']
  if (!path.startsWith('/')) return [`must start with a '/'`]
  const segments = path.slice(1).replace(/\/$/, '').split('/')
  return segments.flatMap((segment, index) =>
    segment === ''
      ? [`segment[${index}] may not be empty`]
      : dns1123Subdomain(segment).map(detail => `segment[${index}]: ${detail}`),
  )
}

function validateUrl(text: string, field: string): FieldError[] {
  const scheme = /^([a-zA-Z][-+.a-zA-Z0-9]*):\/\//.exec(text)
  if (scheme?.[1]?.toLowerCase() !== 'https') {
    const why = `'https' is the only allowed URL scheme; ${form}`
    return [invalidValue(field, scheme?.[1] ?? '', why)]
  }
  if (!URL.canParse(text)) return [required(field, `url must be a valid URL: ${text}; ${form}`)]
  const url = new URL(text)
  const errors: FieldError[] = []
  if (url.username !== '' || url.password !== '') {
    const user = url.password === '' ? url.username : `${url.username}:${url.password}`
    errors.push(invalidValue(field, user, 'user information is not permitted in the URL'))
  }
  if (url.hash !== '') {
    errors.push(invalidValue(field, url.hash.slice(1), 'fragments are not permitted in the URL'))
  }
  if (url.search !== '') {
    const query = url.search.slice(1)
    errors.push(invalidValue(field, query, 'query parameters are not permitted in the URL'))
  }
  return errors
}
