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
import { PodConfigError, type PodPlace } from './pod-fields.js'
import { runAction } from './probe-actions.js'
import { type Runtime, RuntimeError } from './runtime.js'
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
    | 'CreateContainerConfigError'
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
    pod: Pod,
    container: Container,
    attempt: number,
    place: PodPlace,
  ): Promise<StartFailure | null> {
    const { events } = this.options
    const warn = (message: string): void =>
      events.ofContainer(pod, container, 'Warning', 'Failed', message)
    const image = await this.image(pod, container)
    if (typeof image !== 'string') return image
    try {
      await this.run(pod, container, attempt, place, image)
      return null
    } catch (error) {
      if (error instanceof PodConfigError) {
        warn(`Error: ${error.message}`)
        return { reason: 'CreateContainerConfigError', message: error.message }
      }
      if (error instanceof RuntimeError) {
        warn(`Error: ${error.message}`)
        return { reason: 'RunContainerError', message: error.message }
      }
      throw error
    }
  }

  private async image(pod: Pod, container: Container): Promise<string | StartFailure> {
    const { runtime, events } = this.options
    const image = container.image ?? ''
    const say = (reason: 'Pulled' | 'Pulling', message: string): void =>
      events.ofContainer(pod, container, 'Normal', reason, message)
    const warn = (message: string): void =>
      events.ofContainer(pod, container, 'Warning', 'Failed', message)
    const here = await runtime.findImage(image)
    if (here !== null) {
      say('Pulled', `Container image "${image}" already present on machine`)
      return here
    }
    if (container.imagePullPolicy === 'Never') {
      const message = `Container image "${image}" is not present with pull policy of Never`
      events.ofContainer(pod, container, 'Warning', 'Failed', `Error: ErrImageNeverPull`)
      return { reason: 'ErrImageNeverPull', message }
    }
    say('Pulling', `Pulling image "${image}"`)
    try {
      const id = await runtime.pullImage(image)
      say('Pulled', `Successfully pulled image "${image}"`)
      return id
    } catch (error) {
      if (!(error instanceof RuntimeError)) throw error
      warn(`Failed to pull image "${image}": ${error.message}`)
      warn('Error: ErrImagePull')
      return { reason: 'ErrImagePull', message: error.message }
    }
  }

  private async run(
    pod: Pod,
    container: Container,
    attempt: number,
    place: PodPlace,
    imageId: string,
  ): Promise<void> {
    const { client, runtime, volumes, events, services } = this.options
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
    const own = container.securityContext
    const shared = pod.spec.securityContext
    const record = await runtime.startContainer({
      podUid,
      name: container.name,
      attempt,
      image: container.image ?? '',
      imageId,
      command: containerCommand(container, env),
      env,
      workingDirectory: container.workingDir ?? '',
      mounts,
      runAsUser: own?.runAsUser ?? shared?.runAsUser ?? null,
      runAsNonRoot: own?.runAsNonRoot ?? shared?.runAsNonRoot ?? false,
      stdin: container.stdin ?? false,
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
