// Checks of probes and lifecycle hooks. Counterpart: validateProbe and validateHandler of
// pkg/apis/core/validation.

import type { FieldError } from '../kind.js'
import type { Lifecycle, LifecycleHandler, Probe } from '../types/core-container.js'
import { forbiddenField, invalidFor, invalidValue, notSupported, required } from './field-errors.js'
import { portName, portNumber } from './names.js'
import { notNegative } from './resources.js'

export function validatePortReference(port: number | string, field: string): FieldError[] {
  if (typeof port === 'number') return invalidFor(field, port, portNumber(port))
  return invalidFor(field, port, portName(port))
}

/** Exactly one of exec, httpGet, tcpSocket and the rest. */
function validateHandler(
  handler: Omit<LifecycleHandler, 'sleep'> & {
    readonly sleep?: unknown
    readonly grpc?: Probe['grpc']
  },
  field: string,
): FieldError[] {
  const { exec, httpGet, tcpSocket, grpc, sleep } = handler
  const given = Object.entries({ exec, httpGet, tcpSocket, grpc, sleep })
    .filter(([, value]) => value !== undefined)
    .map(([name]) => name)
  if (given.length === 0) return [required(field, 'must specify a handler type')]
  const errors = given
    .slice(1)
    .map(name => forbiddenField(`${field}.${name}`, 'may not specify more than 1 handler type'))
  if (exec !== undefined && (exec.command ?? []).length === 0) {
    errors.push(required(`${field}.exec.command`))
  }
  if (httpGet !== undefined) {
    if ((httpGet.path ?? '') === '') errors.push(required(`${field}.httpGet.path`))
    errors.push(...validatePortReference(httpGet.port, `${field}.httpGet.port`))
    if (httpGet.scheme !== 'HTTP' && httpGet.scheme !== 'HTTPS') {
      const schemes = ['HTTP', 'HTTPS']
      errors.push(notSupported(`${field}.httpGet.scheme`, httpGet.scheme ?? '', schemes))
    }
    for (const [index, { name }] of (httpGet.httpHeaders ?? []).entries()) {
      if (!/^[-A-Za-z0-9]+$/.test(name)) {
        const text =
          'a valid HTTP header must consist of alphanumeric characters or ' +
          "'-' (e.g. 'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')"
        errors.push(invalidValue(`${field}.httpGet.httpHeaders[${index}].name`, name, text))
      }
    }
  }
  if (tcpSocket !== undefined) {
    errors.push(...validatePortReference(tcpSocket.port, `${field}.tcpSocket.port`))
  }
  if (grpc !== undefined) {
    errors.push(...invalidFor(`${field}.grpc.port`, grpc.port, portNumber(grpc.port)))
  }
  return errors
}

export function validateProbe(probe: Probe, field: string, isReadiness: boolean): FieldError[] {
  const errors = validateHandler(probe, field)
  const numbers = [
    'initialDelaySeconds',
    'timeoutSeconds',
    'periodSeconds',
    'successThreshold',
    'failureThreshold',
  ] as const
  for (const name of numbers) {
    const value = probe[name] ?? 0
    if (value < 0) errors.push(invalidValue(`${field}.${name}`, value, notNegative))
  }
  const successes = probe.successThreshold ?? 1
  if (!isReadiness && successes > 1) {
    errors.push(invalidValue(`${field}.successThreshold`, successes, 'must be 1'))
  }
  const grace = probe.terminationGracePeriodSeconds
  if (grace !== undefined && grace <= 0) {
    const at = `${field}.terminationGracePeriodSeconds`
    errors.push(invalidValue(at, grace, 'must be greater than 0'))
  }
  if (isReadiness && grace !== undefined) {
    const at = `${field}.terminationGracePeriodSeconds`
    errors.push(invalidValue(at, grace, 'must not be set for readinessProbes'))
  }
  return errors
}

export function validateLifecycle(lifecycle: Lifecycle, field: string): FieldError[] {
  const { postStart, preStop } = lifecycle
  return [
    ...(postStart === undefined ? [] : validateHandler(postStart, `${field}.postStart`)),
    ...(preStop === undefined ? [] : validateHandler(preStop, `${field}.preStop`)),
  ]
}
