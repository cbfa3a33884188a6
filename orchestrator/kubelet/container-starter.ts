// Starts one container: image, environment, mounts, process, first hook, with the events that tell
// of each. Counterpart: the kubelet's startContainer and image manager.

import type { Files } from '../../platform/files.js'
import type { Container } from '../api/types/core-container.js'
import type { Pod } from '../api/types/core-pod.js'
import type { Service } from '../api/types/core-service.js'
import { configMaps, secrets } from '../client/resources.js'
import type { ApiClient } from '../client/rest-client.js'
import { containerCommand, containerEnv, envSourceNames } from './container-env.js'
import type { PodEvents } from './pod-events.js'
import { credentialsFor, type RegistryCredentials } from './image-credentials.js'
import { PodConfigError, type PodPlace } from './pod-fields.js'
import { runAction } from './probe-actions.js'
import { type LocalImage, type Runtime, RuntimeError, type SandboxSpec } from './runtime.js'
import { fetchNamed, type Volumes } from './volumes.js'

export interface StarterOptions {
  readonly client: ApiClient
  readonly runtime: Runtime
  readonly files: Files
  readonly volumes: Volumes
  readonly events: PodEvents
  /** Services known here, for the variables that point to them. */
  readonly services: () => readonly Service[]
}

/** Why a container did not start, as its status spells it. */
export interface StartFailure {
  readonly reason:
    | 'ErrImagePull'
    | 'ErrImageNeverPull'
    | 'InvalidImageName'
    | 'ImageInspectError'
    | 'CreateContainerConfigError'
    | 'CreateContainerError'
    | 'RunContainerError'
  readonly message: string
}

const hookTimeoutMs = 30_000

export class ContainerStarter {
  private readonly options: StarterOptions

  constructor(options: StarterOptions) {
    this.options = options
  }

  /** Null when it runs. Errors of the API server are thrown: they pass. */
  async start(
    sandbox: SandboxSpec,
    container: Container,
    attempt: number,
    place: PodPlace,
  ): Promise<StartFailure | null> {
    const { events } = this.options
    const { pod } = sandbox
    const warn = (message: string): void =>
      events.ofContainer(pod, container, 'Warning', 'Failed', message)
    const image = await this.image(pod, container)
    if ('reason' in image) return image
    try {
      await this.run(sandbox, container, attempt, place, image)
      return null
    } catch (error) {
      if (error instanceof PodConfigError) {
        warn(`Error: ${error.message}`)
        return { reason: 'CreateContainerConfigError', message: error.message }
      }
      if (error instanceof RuntimeError) {
        warn(`Error: ${error.message}`)
        const notMade = error.code === 'container-not-created'
        const reason = notMade ? 'CreateContainerError' : 'RunContainerError'
        return { reason, message: error.message }
      }
      throw error
    }
  }

  private async image(pod: Pod, container: Container): Promise<LocalImage | StartFailure> {
    const { runtime, events } = this.options
    const image = container.image ?? ''
    const policy = container.imagePullPolicy
    const say = (reason: 'Pulled' | 'Pulling', message: string): void =>
      events.ofContainer(pod, container, 'Normal', reason, message)
    const warn = (message: string): void =>
      events.ofContainer(pod, container, 'Warning', 'Failed', message)
    let here: LocalImage | null
    try {
      here = await runtime.findImage(image)
    } catch (error) {
      if (!(error instanceof RuntimeError)) throw error
      const isName = error.code === 'image-name-invalid'
      const what = isName ? 'Failed to apply default image tag' : 'Failed to inspect image'
      warn(`${what} "${image}": ${error.message}`)
      warn(`Error: ${isName ? 'InvalidImageName' : 'ImageInspectError'}`)
      return {
        reason: isName ? 'InvalidImageName' : 'ImageInspectError',
        message: `${what} "${image}": ${error.message}`,
      }
    }
    if (here !== null && (policy !== 'Always' || here.builtIn)) {
      say('Pulled', `Container image "${image}" already present on machine`)
      return here
    }
    if (policy === 'Never') {
      const message = `Container image "${image}" is not present with pull policy of Never`
      events.ofContainer(pod, container, 'Warning', 'Failed', `Error: ErrImageNeverPull`)
      return { reason: 'ErrImageNeverPull', message }
    }
    say('Pulling', `Pulling image "${image}"`)
    try {
      const pulled = await runtime.pullImage(image, await this.credentials(pod, image))
      say('Pulled', `Successfully pulled image "${image}"`)
      return pulled
    } catch (error) {
      if (!(error instanceof RuntimeError)) throw error
      warn(`Failed to pull image "${image}": ${error.message}`)
      warn('Error: ErrImagePull')
      return { reason: 'ErrImagePull', message: error.message }
    }
  }

  private async credentials(pod: Pod, image: string): Promise<readonly RegistryCredentials[]> {
    const names = (pod.spec.imagePullSecrets ?? []).flatMap(({ name = '' }) => name || [])
    const { namespace = '' } = pod.metadata
    const found = await fetchNamed(this.options.client, secrets, namespace, names)
    return credentialsFor(
      image,
      [...found.values()].flatMap(secret => secret ?? []),
    )
  }

  private async run(
    sandbox: SandboxSpec,
    container: Container,
    attempt: number,
    place: PodPlace,
    image: LocalImage,
  ): Promise<void> {
    const { client, runtime, volumes, events, services } = this.options
    const { pod } = sandbox
    const podUid = pod.metadata.uid ?? ''
    const namespace = pod.metadata.namespace ?? ''
    const names = envSourceNames(container)
    const env = containerEnv({
      pod,
      container,
      place,
      services: services(),
      configMaps: await fetchNamed(client, configMaps, namespace, names.configMaps),
      secrets: await fetchNamed(client, secrets, namespace, names.secrets),
    })
    const mounts = await volumes.mounts(pod, container, env, runtime.podDirectory(podUid))
    const record = await runtime.startContainer({
      sandbox,
      container,
      attempt,
      image,
      ...containerCommand(container, env),
      env,
      mounts,
    })
    const { name } = container
    events.ofContainer(pod, container, 'Normal', 'Created', `Created container: ${name}`)
    events.ofContainer(pod, container, 'Normal', 'Started', `Started container ${name}`)
    const hook = container.lifecycle?.postStart
    if (hook === undefined || hook.sleep !== undefined) return
    const result = await runAction(hook, {
      runtime,
      container,
      containerId: record.id,
      podAddress: place.podAddress,
      timeoutMs: hookTimeoutMs,
    })
    if (result.succeeded) return
    const message = `PostStartHook failed: ${result.message}`
    events.ofContainer(pod, container, 'Warning', 'FailedPostStartHook', message)
    runtime.killContainer(record.id)
  }
}
