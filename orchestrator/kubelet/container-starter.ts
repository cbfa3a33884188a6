// Starts one container: image, environment, mounts, process, first hook, with the events that tell
// of each. Counterpart: the kubelet's startContainer and image manager.

import { RaftsmanError } from '../../platform/errors.js'
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
  /** Told the uid of the pod whose pull has ended. */
  readonly onPulled: (podUid: string) => void
}

/** An image that is on its way, or how that ended. */
interface Pull {
  outcome: LocalImage | StartFailure | null
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
  /** By pod uid and container name. */
  private readonly pulls = new Map<string, Map<string, Pull>>()

  constructor(options: StarterOptions) {
    this.options = options
  }

  /** Containers of the pod whose image is on its way. */
  pulling(podUid: string): ReadonlySet<string> {
    const pulls = [...(this.pulls.get(podUid) ?? [])]
    return new Set(pulls.flatMap(([name, { outcome }]) => (outcome === null ? [name] : [])))
  }

  /** Pulls of it end by themselves, and nobody is told. */
  forget(podUid: string): void {
    this.pulls.delete(podUid)
  }

  /**
   * Null when it runs; 'pulling' when its image has to come first, which takes as long as it takes while others have
   * their turn. Errors of the API server are thrown: they pass.
   */
  async start(
    sandbox: SandboxSpec,
    container: Container,
    attempt: number,
    place: PodPlace,
  ): Promise<StartFailure | 'pulling' | null> {
    const { events } = this.options
    const { pod } = sandbox
    const warn = (message: string): void =>
      events.ofContainer(pod, container, 'Warning', 'Failed', message)
    const image = await this.image(pod, container)
    if (image === 'pulling' || 'reason' in image) return image
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

  private async image(
    pod: Pod,
    container: Container,
  ): Promise<LocalImage | StartFailure | 'pulling'> {
    const { runtime, events } = this.options
    const pulled = this.takePull(pod.metadata.uid ?? '', container.name)
    if (pulled !== null) return pulled
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
      const message = `${what} "${image}": ${error.message}`
      events.ofContainer(pod, container, 'Warning', 'InspectFailed', message)
      warn(`Error: ${isName ? 'InvalidImageName' : 'ImageInspectError'}`)
      return {
        reason: isName ? 'InvalidImageName' : 'ImageInspectError',
        message,
      }
    }
    if (here !== null && (policy !== 'Always' || here.builtIn)) {
      say('Pulled', `Container image "${image}" already present on machine`)
      return here
    }
    if (policy === 'Never') {
      const message = `Container image "${image}" is not present with pull policy of Never`
      events.ofContainer(pod, container, 'Warning', 'ErrImageNeverPull', message)
      warn('Error: ErrImageNeverPull')
      return { reason: 'ErrImageNeverPull', message }
    }
    const credentials = await this.credentials(pod, image)
    say('Pulling', `Pulling image "${image}"`)
    const pull: Pull = { outcome: null }
    const { uid = '' } = pod.metadata
    this.pulls.set(uid, (this.pulls.get(uid) ?? new Map()).set(container.name, pull))
    void this.pull(image, credentials).then(outcome => {
      pull.outcome = outcome
      if (this.pulls.get(uid)?.get(container.name) !== pull) return
      if ('reason' in outcome) {
        warn(`Failed to pull image "${image}": ${outcome.message}`)
        warn('Error: ErrImagePull')
      } else say('Pulled', `Successfully pulled image "${image}"`)
      this.options.onPulled(uid)
    })
    return 'pulling'
  }

  private async pull(
    image: string,
    credentials: readonly RegistryCredentials[],
  ): Promise<LocalImage | StartFailure> {
    try {
      return await this.options.runtime.pullImage(image, credentials)
    } catch (error) {
      if (!(error instanceof RaftsmanError)) throw error
      return { reason: 'ErrImagePull', message: error.message }
    }
  }

  /** How a pull has ended: once, for the next start is another matter. */
  private takePull(podUid: string, name: string): LocalImage | StartFailure | 'pulling' | null {
    const pulls = this.pulls.get(podUid)
    const pull = pulls?.get(name)
    if (pull === undefined) return null
    if (pull.outcome !== null) pulls?.delete(name)
    return pull.outcome ?? 'pulling'
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
