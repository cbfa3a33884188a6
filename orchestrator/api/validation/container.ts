// Checks of containers. Counterpart: validateContainers of pkg/apis/core/validation.

import type { FieldError } from '../kind.js'
import type { Container, ContainerPort, EnvVar, SecurityContext } from '../types/core-container.js'
import {
  duplicate,
  forbiddenField,
  invalidFor,
  invalidValue,
  notFoundValue,
  notSupported,
  required,
} from './field-errors.js'
import { dns1123Label, environmentName, portName, portNumber } from './names.js'
import { validateLifecycle, validateProbe } from './probe.js'
import { validateResources } from './resources.js'
import { validateBackSteps } from './volume.js'

const pullPolicies = ['Always', 'IfNotPresent', 'Never'] as const
const protocols = ['SCTP', 'TCP', 'UDP'] as const
const messagePolicies = ['FallbackToLogsOnError', 'File'] as const

export interface ContainerSurroundings {
  readonly volumeNames: ReadonlySet<string>
  readonly hostNetwork: boolean
  /** Names of containers seen so far; the checks add to it. */
  readonly names: Set<string>
}

export function validateContainer(
  container: Container,
  field: string,
  around: ContainerSurroundings,
): FieldError[] {
  const { name, image = '' } = container
  const errors: FieldError[] = []
  if (name === '') errors.push(required(`${field}.name`))
  else errors.push(...invalidFor(`${field}.name`, name, dns1123Label(name)))
  if (around.names.has(name)) errors.push(duplicate(`${field}.name`, name))
  around.names.add(name)
  if (image === '') errors.push(required(`${field}.image`))
  else if (image !== image.trim()) {
    errors.push(
      invalidValue(`${field}.image`, image, 'must not have leading or trailing whitespace'),
    )
  }
  return [
    ...errors,
    ...validatePolicies(container, field),
    ...validatePorts(container.ports ?? [], `${field}.ports`, around.hostNetwork),
    ...(container.env ?? []).flatMap((variable, index) =>
      validateVariable(variable, `${field}.env[${index}]`),
    ),
    ...validateEnvFrom(container, field),
    ...validateMounts(container, field, around.volumeNames),
    ...validateResources(container.resources ?? {}, `${field}.resources`),
    ...validateProbes(container, field),
    ...validateSecurity(container.securityContext ?? {}, `${field}.securityContext`),
  ]
}

function validatePolicies(container: Container, field: string): FieldError[] {
  const errors: FieldError[] = []
  const pull = container.imagePullPolicy ?? ''
  if (pull === '') errors.push(required(`${field}.imagePullPolicy`))
  else if (!pullPolicies.some(known => known === pull)) {
    errors.push(notSupported(`${field}.imagePullPolicy`, pull, pullPolicies))
  }
  const message = container.terminationMessagePolicy ?? ''
  if (message === '') errors.push(required(`${field}.terminationMessagePolicy`))
  else if (!messagePolicies.some(known => known === message)) {
    errors.push(notSupported(`${field}.terminationMessagePolicy`, message, messagePolicies))
  }
  return errors
}

function validateProbes(container: Container, field: string): FieldError[] {
  const { livenessProbe, readinessProbe, startupProbe, lifecycle } = container
  return [
    ...(lifecycle === undefined ? [] : validateLifecycle(lifecycle, `${field}.lifecycle`)),
    ...(livenessProbe === undefined
      ? []
      : validateProbe(livenessProbe, `${field}.livenessProbe`, false)),
    ...(readinessProbe === undefined
      ? []
      : validateProbe(readinessProbe, `${field}.readinessProbe`, true)),
    ...(startupProbe === undefined
      ? []
      : validateProbe(startupProbe, `${field}.startupProbe`, false)),
  ]
}

function validatePorts(
  ports: readonly ContainerPort[],
  field: string,
  hostNetwork: boolean,
): FieldError[] {
  const names = new Set<string>()
  return ports.flatMap((port, index) => {
    const at = `${field}[${index}]`
    const { containerPort, hostPort = 0, name = '', protocol = '' } = port
    const errors: FieldError[] = []
    if (name !== '') {
      errors.push(...invalidFor(`${at}.name`, name, portName(name)))
      if (names.has(name)) errors.push(duplicate(`${at}.name`, name))
      names.add(name)
    }
    if (containerPort === 0) errors.push(required(`${at}.containerPort`))
    else {
      errors.push(...invalidFor(`${at}.containerPort`, containerPort, portNumber(containerPort)))
    }
    if (hostPort !== 0) {
      errors.push(...invalidFor(`${at}.hostPort`, hostPort, portNumber(hostPort)))
      if (hostNetwork && hostPort !== containerPort) {
        const text = 'must match `containerPort` when `hostNetwork` is true'
        errors.push(invalidValue(`${at}.hostPort`, hostPort, text))
      }
    }
    if (protocol === '') errors.push(required(`${at}.protocol`))
    else if (!protocols.some(known => known === protocol)) {
      errors.push(notSupported(`${at}.protocol`, protocol, protocols))
    }
    return errors
  })
}

function validateVariable({ name, value = '', valueFrom }: EnvVar, field: string): FieldError[] {
  const errors: FieldError[] = []
  if (name === '') errors.push(required(`${field}.name`))
  else errors.push(...invalidFor(`${field}.name`, name, environmentName(name)))
  if (valueFrom === undefined) return errors
  const at = `${field}.valueFrom`
  const sources = Object.keys(valueFrom)
  if (sources.length === 0) {
    const text =
      'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`'
    errors.push(invalidValue(at, '', text))
  }
  if (sources.length > 1) {
    errors.push(invalidValue(at, '', 'may not have more than one field specified at a time'))
  }
  if (value !== '') {
    errors.push(invalidValue(at, '', 'may not be specified when `value` is not empty'))
  }
  for (const source of ['configMapKeyRef', 'secretKeyRef'] as const) {
    const reference = valueFrom[source]
    if (reference === undefined) continue
    if (reference.key === '') errors.push(required(`${at}.${source}.key`))
    if ((reference.name ?? '') === '') errors.push(required(`${at}.${source}.name`))
  }
  if (valueFrom.fieldRef?.fieldPath === '') errors.push(required(`${at}.fieldRef.fieldPath`))
  return errors
}

function validateEnvFrom(container: Container, field: string): FieldError[] {
  return (container.envFrom ?? []).flatMap(({ configMapRef, secretRef }, index) => {
    const at = `${field}.envFrom[${index}]`
    if (configMapRef !== undefined && secretRef !== undefined) {
      return [invalidValue(at, '', 'may not have more than one field specified at a time')]
    }
    if (configMapRef === undefined && secretRef === undefined) {
      return [invalidValue(at, '', 'must specify one of: `configMapRef` or `secretRef`')]
    }
    const name = (configMapRef ?? secretRef)?.name ?? ''
    const source = configMapRef === undefined ? 'secretRef' : 'configMapRef'
    return name === '' ? [required(`${at}.${source}.name`)] : []
  })
}

function validateMounts(
  container: Container,
  field: string,
  volumeNames: ReadonlySet<string>,
): FieldError[] {
  const paths = new Set<string>()
  return (container.volumeMounts ?? []).flatMap((mount, index) => {
    const at = `${field}.volumeMounts[${index}]`
    const { name, mountPath, subPath = '', subPathExpr = '' } = mount
    const errors: FieldError[] = []
    if (name === '') errors.push(required(`${at}.name`))
    if (!volumeNames.has(name)) errors.push(notFoundValue(`${at}.name`, name))
    if (mountPath === '') errors.push(required(`${at}.mountPath`))
    if (paths.has(mountPath)) {
      errors.push(invalidValue(`${at}.mountPath`, mountPath, 'must be unique'))
    }
    paths.add(mountPath)
    if (subPath !== '') {
      if (subPath.startsWith('/')) {
        errors.push(invalidValue(`${at}.subPath`, subPath, 'must be a relative path'))
      }
      errors.push(...validateBackSteps(subPath, `${at}.subPath`))
      if (subPathExpr !== '') {
        const text = 'subPathExpr and subPath are mutually exclusive'
        errors.push(invalidValue(`${at}.subPathExpr`, subPathExpr, text))
      }
    }
    return errors
  })
}

const idMax = 2 ** 31 - 1

export function validateIds(
  ids: { readonly runAsUser?: number; readonly runAsGroup?: number; readonly fsGroup?: number },
  field: string,
): FieldError[] {
  return (['runAsUser', 'runAsGroup', 'fsGroup'] as const).flatMap(name => {
    const id = ids[name]
    if (id === undefined || (id >= 0 && id <= idMax)) return []
    const text = 'must be between 0 and 2147483647, inclusive'
    return [invalidValue(`${field}.${name}`, id, text)]
  })
}

function validateSecurity(context: SecurityContext, field: string): FieldError[] {
  const errors = validateIds(context, field)
  if (context.allowPrivilegeEscalation === false) {
    if (context.privileged === true) {
      const text = 'cannot set `allowPrivilegeEscalation` to false and `privileged` to true'
      errors.push(invalidValue(field, { privileged: true }, text))
    }
    const added = context.capabilities?.add ?? []
    if (added.includes('CAP_SYS_ADMIN')) {
      const text =
        'cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN'
      errors.push(invalidValue(field, [...added], text))
    }
  }
  return errors
}

/** Init containers that do not stay on have nothing to probe. */
export function validateInitContainer(container: Container, field: string): FieldError[] {
  const { restartPolicy } = container
  const errors: FieldError[] = []
  if (restartPolicy !== undefined && restartPolicy !== 'Always') {
    errors.push(notSupported(`${field}.restartPolicy`, restartPolicy, ['Always']))
  }
  if (restartPolicy === 'Always') return errors
  for (const name of ['lifecycle', 'livenessProbe', 'readinessProbe', 'startupProbe'] as const) {
    if (container[name] !== undefined) {
      const text = 'may not be set for init containers without restartPolicy=Always'
      errors.push(forbiddenField(`${field}.${name}`, text))
    }
  }
  return errors
}
