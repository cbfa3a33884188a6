// What a container may use, as cgroups take it. Counterpart: kuberuntime's generateLinuxContainerResources and
// pkg/kubelet/qos. Pure. Left out: huge pages, swap, cpusets.

import { parseQuantity } from '../../../api/quantity.js'
import type { Container } from '../../../api/types/core-container.js'
import type { Pod } from '../../../api/types/core-pod.js'
import { podQosClass } from '../../../api/pod-resources.js'
import type { LinuxContainerResources } from './messages.js'

const periodMicros = 100_000n
const quotaMicrosMin = 1_000n
const sharesPerCpu = 1024n
const sharesMin = 2n
const sharesMax = 262_144n
const nanosPerMilli = 1_000_000n
const nanosPerUnit = 1_000_000_000n

/** Of priority classes that the system keeps for what a node cannot do without. */
const nodeCriticalPriority = 2_000_001_000
const oomGuaranteed = -997
const oomBestEffort = 1000

/** `memoryBytes`: of the machine. */
export function linuxResources(
  pod: Pod,
  container: Container,
  memoryBytes: number,
): LinuxContainerResources {
  const { limits, requests } = container.resources ?? {}
  const cpuLimit = milli(limits?.['cpu'])
  const cpuRequest = requests?.['cpu'] === undefined ? cpuLimit : milli(requests['cpu'])
  const memoryLimit = units(limits?.['memory'])
  return {
    cpuPeriod: Number(periodMicros),
    ...(cpuLimit > 0n ? { cpuQuota: Number(quota(cpuLimit)) } : {}),
    cpuShares: Number(shares(cpuRequest)),
    ...(memoryLimit > 0n ? { memoryLimitInBytes: Number(memoryLimit) } : {}),
    oomScoreAdj: oomScore(pod, container, memoryBytes),
  }
}

const nanos = (text: string | undefined): bigint => parseQuantity(text ?? '0')?.nanos ?? 0n
/** Thousandths and units are rounded up: nobody gets less than was asked for. */
const milli = (text: string | undefined): bigint =>
  (nanos(text) + nanosPerMilli - 1n) / nanosPerMilli
const units = (text: string | undefined): bigint => (nanos(text) + nanosPerUnit - 1n) / nanosPerUnit

function shares(cpuMilli: bigint): bigint {
  const wanted = (cpuMilli * sharesPerCpu) / 1000n
  if (wanted < sharesMin) return sharesMin
  return wanted > sharesMax ? sharesMax : wanted
}

function quota(cpuMilli: bigint): bigint {
  const wanted = (cpuMilli * periodMicros) / 1000n
  return wanted < quotaMicrosMin ? quotaMicrosMin : wanted
}

/** Who asked for more of the machine's memory is killed later; who asked for nothing is first. */
function oomScore(pod: Pod, container: Container, memoryBytes: number): number {
  if ((pod.spec.priority ?? 0) >= nodeCriticalPriority) return oomGuaranteed
  const qos = podQosClass(pod.spec)
  if (qos === 'Guaranteed') return oomGuaranteed
  if (qos === 'BestEffort') return oomBestEffort
  const { limits, requests } = container.resources ?? {}
  const asked = Number(units(requests?.['memory'] ?? limits?.['memory']))
  const score = Math.floor(1000 - (1000 * asked) / memoryBytes)
  // Between those whose memory is guaranteed and those who asked for none.
  return Math.min(oomBestEffort - 1, Math.max(1000 + oomGuaranteed, score))
}
