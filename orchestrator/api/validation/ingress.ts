// Checks of Ingresses and IngressClasses. Counterpart: pkg/apis/networking/validation.

import type { FieldError } from '../kind.js'
import type { TypedLocalObjectReference } from '../types/core-reference.js'
import type {
  HTTPIngressPath,
  Ingress,
  IngressBackend,
  IngressClass,
  IngressClassParametersReference,
  IngressRule,
  IngressServiceBackend,
  IngressTLS,
} from '../types/networking-ingress.js'
import {
  forbiddenField,
  invalidFor,
  invalidValue,
  notSupported,
  required,
  tooLong,
} from './field-errors.js'
import { immutableText, validateObjectName } from './metadata.js'
import {
  dns1035,
  dns1123Label,
  dns1123Subdomain,
  ipAddress,
  isIpv4,
  isIpv6,
  pathSegment,
  portName,
  portNumber,
  wildcardSubdomain,
} from './names.js'

const classAnnotation = 'kubernetes.io/ingress.class'
const pathTypes = ['Exact', 'ImplementationSpecific', 'Prefix'] as const
const scopes = ['Cluster', 'Namespace'] as const
const forbiddenSequences = ['//', '/./', '/../', '%2f', '%2F'] as const
const forbiddenSuffixes = ['/..', '/.'] as const
const controllerBytesMax = 250
const controllerPath = "[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+"
const controllerPathExpression = /^[A-Za-z0-9/\-._~%!$&'()*+,;=:]+$/

/** With the names as clients are used to; `field` is that of the backend as a whole. */
function validateServiceBackend(service: IngressServiceBackend, field: string): FieldError[] {
  const { name: port = '', number = 0 } = service.port ?? {}
  const at = `${field}.service`
  const errors =
    service.name === ''
      ? [required(`${at}.name`)]
      : invalidFor(`${at}.name`, service.name, dns1035(service.name))
  if (port !== '' && number !== 0) {
    errors.push(invalidValue(field, '', 'cannot set both port name & port number'))
  } else if (port !== '') errors.push(...invalidFor(`${at}.port.name`, port, portName(port)))
  else if (number !== 0) {
    errors.push(...invalidFor(`${at}.port.number`, number, portNumber(number)))
  } else errors.push(required(field, 'port name or number is required'))
  return errors
}

function validateReference(
  { apiGroup, kind, name }: TypedLocalObjectReference | IngressClassParametersReference,
  field: string,
): FieldError[] {
  const errors: FieldError[] = []
  if (apiGroup !== undefined) {
    errors.push(...invalidFor(`${field}.apiGroup`, apiGroup, dns1123Subdomain(apiGroup)))
  }
  for (const [key, value] of Object.entries({ kind, name })) {
    const at = `${field}.${key}`
    errors.push(...(value === '' ? [required(at)] : invalidFor(at, value, pathSegment(value))))
  }
  return errors
}

function validateBackend({ resource, service }: IngressBackend, field: string): FieldError[] {
  if (resource !== undefined && service !== undefined) {
    return [invalidValue(field, '', 'cannot set both resource and service backends')]
  }
  if (resource !== undefined) return validateReference(resource, `${field}.resource`)
  if (service !== undefined) return validateServiceBackend(service, field)
  return [invalidValue(field, '', 'resource or service backend is required')]
}

function validatePath({ path = '', pathType, backend }: HTTPIngressPath, field: string) {
  if ((pathType ?? '') === '') return [required(`${field}.pathType`, 'pathType must be specified')]
  const at = `${field}.path`
  const errors: FieldError[] = []
  switch (pathType) {
    case 'Exact':
    case 'Prefix':
      if (!path.startsWith('/')) errors.push(invalidValue(at, path, 'must be an absolute path'))
      for (const part of forbiddenSequences.filter(sequence => path.includes(sequence))) {
        errors.push(invalidValue(at, path, `must not contain '${part}'`))
      }
      for (const part of forbiddenSuffixes.filter(suffix => path.endsWith(suffix))) {
        errors.push(invalidValue(at, path, `cannot end with '${part}'`))
      }
      break
    case 'ImplementationSpecific':
      if (path !== '' && !path.startsWith('/')) {
        errors.push(invalidValue(at, path, 'must be an absolute path'))
      }
      break
    default:
      errors.push(notSupported(`${field}.pathType`, pathType, pathTypes))
  }
  errors.push(...validateBackend(backend, `${field}.backend`))
  return errors
}

function isAddress(text: string): boolean {
  return isIpv4(text) || isIpv6(text)
}

function validateHost(host: string, field: string): FieldError[] {
  const wrong = host.includes('*') ? wildcardSubdomain(host) : dns1123Subdomain(host)
  return invalidFor(field, host, wrong)
}

function validateRule({ host = '', http }: IngressRule, field: string): FieldError[] {
  const errors: FieldError[] = []
  if (host !== '') {
    if (isAddress(host)) {
      errors.push(invalidValue(`${field}.host`, host, 'must be a DNS name, not an IP address'))
    }
    errors.push(...validateHost(host, `${field}.host`))
  }
  if (http === undefined) return errors
  const at = `${field}.http.paths`
  if (http.paths.length === 0) errors.push(required(at))
  return [...errors, ...http.paths.flatMap((path, index) => validatePath(path, `${at}[${index}]`))]
}

function validateTls({ hosts = [], secretName = '' }: IngressTLS, field: string): FieldError[] {
  return [
    ...hosts.flatMap((host, index) => validateHost(host, `${field}.hosts[${index}]`)),
    ...(secretName === ''
      ? []
      : invalidFor(`${field}.secretName`, secretName, dns1123Subdomain(secretName))),
  ]
}

function validateStatus({ status }: Ingress): FieldError[] {
  return (status?.loadBalancer?.ingress ?? []).flatMap(({ ip = '', hostname = '' }, index) => {
    const at = `status.loadBalancer.ingress[${index}]`
    const errors = ip === '' ? [] : invalidFor(`${at}.ip`, ip, ipAddress(ip))
    if (hostname === '') return errors
    errors.push(...invalidFor(`${at}.hostname`, hostname, dns1123Subdomain(hostname)))
    if (isAddress(hostname)) {
      const text = 'must be a DNS name, not an IP address'
      errors.push(invalidValue(`${at}.hostname`, hostname, text))
    }
    return errors
  })
}

export function validateIngress(ingress: Ingress, old: Ingress | null): FieldError[] {
  const { defaultBackend, rules = [], tls = [], ingressClassName } = ingress.spec ?? {}
  const errors = validateObjectName(ingress, dns1123Subdomain)
  if (rules.length === 0 && defaultBackend === undefined) {
    const text = 'either `defaultBackend` or `rules` must be specified'
    errors.push(invalidValue('spec', undefined, text))
  }
  if (defaultBackend !== undefined) {
    errors.push(...validateBackend(defaultBackend, 'spec.defaultBackend'))
  }
  errors.push(...rules.flatMap((rule, index) => validateRule(rule, `spec.rules[${index}]`)))
  errors.push(...tls.flatMap((entry, index) => validateTls(entry, `spec.tls[${index}]`)))
  if (ingressClassName !== undefined) {
    const wrong = dns1123Subdomain(ingressClassName)
    errors.push(...invalidFor('spec.ingressClassName', ingressClassName, wrong))
  }
  const annotation = ingress.metadata.annotations?.[classAnnotation]
  const differs = ingressClassName !== undefined && annotation !== ingressClassName
  if (old === null && annotation !== undefined && differs) {
    const text = 'must match `ingressClassName` when both are specified'
    errors.push(invalidValue(`annotations.${classAnnotation}`, annotation, text))
  }
  return [...errors, ...validateStatus(ingress)]
}

/** A domain and a path below it: "example.com/controller". */
function validateController(controller: string, field: string): FieldError[] {
  if (controller === '') return [required(field)]
  const errors = controller.length > controllerBytesMax ? [tooLong(field, controllerBytesMax)] : []
  const slash = controller.indexOf('/')
  const host = controller.slice(0, slash)
  const path = controller.slice(slash + 1)
  if (slash <= 0 || path === '') {
    const text = 'must be a domain-prefixed path (such as "acme.io/foo")'
    return [...errors, invalidValue(field, controller, text)]
  }
  errors.push(...invalidFor(field, host, dns1123Subdomain(host)))
  if (!controllerPathExpression.test(path)) {
    const text = `Invalid path (regex used for validation is '${controllerPath}')`
    errors.push(invalidValue(field, path, text))
  }
  return errors
}

function validateParameters(
  parameters: IngressClassParametersReference,
  field: string,
): FieldError[] {
  const { scope, namespace } = parameters
  const errors = validateReference(parameters, field)
  if (scope === undefined) return [...errors, required(`${field}.scope`)]
  const at = `${field}.namespace`
  switch (scope) {
    case 'Namespace':
      if (namespace === undefined) {
        errors.push(required(at, "`parameters.scope` is set to 'Namespace'"))
      } else errors.push(...invalidFor(at, namespace, dns1123Label(namespace)))
      break
    case 'Cluster':
      if (namespace !== undefined) {
        errors.push(forbiddenField(at, "`parameters.scope` is set to 'Cluster'"))
      }
      break
    default:
      errors.push(notSupported(`${field}.scope`, scope, scopes))
  }
  return errors
}

export function validateIngressClass(
  ingressClass: IngressClass,
  old: IngressClass | null,
): FieldError[] {
  const { controller = '', parameters } = ingressClass.spec ?? {}
  const errors = validateObjectName(ingressClass, dns1123Subdomain)
  if (old !== null && (old.spec?.controller ?? '') !== controller) {
    errors.push(invalidValue('spec.controller', controller, immutableText))
  }
  return [
    ...errors,
    ...validateController(controller, 'spec.controller'),
    ...(parameters === undefined ? [] : validateParameters(parameters, 'spec.parameters')),
  ]
}
