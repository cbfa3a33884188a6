import { describe, expect, test } from 'vitest'
import type { Node, NodeStatus } from '../../api/types/core-node.js'
import type { Pod } from '../../api/types/core-pod.js'
import type { VolumeAttachment } from '../../api/types/storage-attachment.js'
import { volume } from '../persistentvolume/testing/storage-objects.js'
import { node, nowMs, pod } from '../testing/objects.js'
import { attachmentName, newAttachment } from './attachment.js'
import {
  type AttachInput,
  type AttachPlan,
  planAttachments,
  unmountPatienceMs,
} from './reconcile.js'

const hash = (text: string) => Buffer.from(text).toString('hex').padEnd(64, '0').slice(0, 64)
const csi = { driver: 'disk.example.com', volumeHandle: 'h1' }
const disk = volume('disk', { csi })
const shared = volume('disk', { csi, accessModes: ['ReadWriteMany'] })
const unique = 'kubernetes.io/csi/disk.example.com^h1'

function machine(
  name: string,
  status: NodeStatus = {},
  more: { ready?: string; taint?: string } = {},
): Node {
  const { ready = 'True', taint } = more
  const made = node(name, {
    ready,
    ...(taint === undefined ? {} : { spec: { taints: [{ key: taint, effect: 'NoExecute' }] } }),
  })
  return { ...made, status: { ...made.status, ...status } }
}

const attachment = (
  nodeName: string,
  status?: VolumeAttachment['status'],
  meta: Partial<VolumeAttachment['metadata']> = {},
): VolumeAttachment => {
  const made = newAttachment(disk, nodeName, hash)
  return { ...made, metadata: { ...made.metadata, ...meta }, ...(status && { status }) }
}

function plan(input: Partial<AttachInput> & { readonly nodes?: readonly Node[] }): AttachPlan {
  const { nodes = [machine('n1'), machine('n2')], ...more } = input
  return planAttachments({
    volume: disk,
    attachRequired: true,
    attachments: [],
    pods: [],
    nodeNamed: name => nodes.find(({ metadata }) => metadata.name === name) ?? null,
    unwantedSinceMs: () => null,
    nowMs,
    hash,
    ...more,
  })
}

const on = (nodeName: string, name = `on-${nodeName}`): Pod => pod(name, { node: nodeName })
const short = ({ steps }: AttachPlan) =>
  steps.map(step => {
    switch (step.kind) {
      case 'report':
        return `report ${step.nodeName} ${step.attached}`
      case 'attach':
      case 'detach':
        return `${step.kind} ${step.attachment.spec.nodeName}`
      default:
        return 'nothing'
    }
  })

describe('a volume of a driver', () => {
  test('is attached where a pod wants it, under the name that kubelets reckon', () => {
    const { steps } = plan({ pods: [on('n1')] })
    expect(steps).toEqual([
      {
        kind: 'attach',
        attachment: expect.objectContaining({
          metadata: { name: attachmentName(disk, 'n1', hash) },
          spec: {
            attacher: 'disk.example.com',
            nodeName: 'n1',
            source: { persistentVolumeName: 'disk' },
          },
        }),
      },
    ])
  })

  const attached = { attached: true }
  const says = { volumesAttached: [{ name: unique, devicePath: '' }] }
  test.each<[string, Parameters<typeof plan>[0], readonly string[]]>([
    [
      'is not attached where its driver has no notion of that',
      { pods: [on('n1')], attachRequired: false },
      [],
    ],
    ['is not attached to a node that is gone', { pods: [on('n9')] }, []],
    ['is attached once', { pods: [on('n1', 'a'), on('n1', 'b')] }, ['attach n1']],
    ['is waited for', { pods: [on('n1')], attachments: [attachment('n1')] }, []],
    [
      'is reported once it is there',
      { pods: [on('n1')], attachments: [attachment('n1', attached)] },
      ['report n1 true'],
    ],
    [
      'is reported once',
      {
        pods: [on('n1')],
        attachments: [attachment('n1', attached)],
        nodes: [machine('n1', says)],
      },
      [],
    ],
    [
      'is no longer reported before it is taken off',
      { attachments: [attachment('n1', attached)], nodes: [machine('n1', says)] },
      ['report n1 false'],
    ],
    [
      'is taken off where nobody wants it',
      { attachments: [attachment('n1', attached)] },
      ['detach n1'],
    ],
    [
      'is taken off a node that is gone',
      { attachments: [attachment('n9', attached)] },
      ['detach n9'],
    ],
    [
      'is taken off once',
      { attachments: [attachment('n1', attached, { deletionTimestamp: '2026-01-01T00:00:00Z' })] },
      [],
    ],
    [
      'stays where somebody else attached it',
      { attachments: [attachment('n1', attached, { name: 'by-hand' })] },
      [],
    ],
    [
      'for several nodes is attached to all of them',
      { volume: shared, pods: [on('n1'), on('n2')] },
      ['attach n1', 'attach n2'],
    ],
    ['for one node is attached to one of them', { pods: [on('n1'), on('n2')] }, ['attach n1']],
    [
      'moves when it is off the node before',
      { pods: [on('n2')], attachments: [attachment('n1', attached)] },
      ['detach n1'],
    ],
  ])('%s', (_, input, expected) => {
    expect(short(plan(input))).toEqual(expected)
  })

  const inUse = { volumesInUse: [unique] }
  const since = (agoMs: number) => ({ unwantedSinceMs: () => nowMs - agoMs })
  test.each<[string, Parameters<typeof plan>[0], readonly string[], number | null]>([
    ['is waited for', { nodes: [machine('n1', inUse)] }, [], unmountPatienceMs],
    [
      'is waited for although it takes long, while the node is well',
      { nodes: [machine('n1', inUse)], ...since(unmountPatienceMs) },
      [],
      unmountPatienceMs,
    ],
    [
      'is waited for a while where the node is not well',
      { nodes: [machine('n1', inUse, { ready: 'Unknown' })], ...since(60_000) },
      [],
      unmountPatienceMs - 60_000,
    ],
    [
      'is taken off by force after that',
      { nodes: [machine('n1', inUse, { ready: 'Unknown' })], ...since(unmountPatienceMs) },
      ['detach n1'],
      null,
    ],
    [
      'is taken off by force where the node is out of service',
      { nodes: [machine('n1', inUse, { taint: 'node.kubernetes.io/out-of-service' })] },
      ['detach n1'],
      null,
    ],
  ])('that a node has in use and nobody wants there %s', (_, input, steps, waitMs) => {
    const made = plan({ attachments: [attachment('n1', { attached: true })], ...input })
    expect(short(made)).toEqual(steps)
    expect(made.requeueAfterMs).toBe(waitMs)
    expect(made.unwanted).toEqual([attachmentName(disk, 'n1', hash)])
  })

  test.each<[string, readonly Pod[], string]>([
    [
      'by a pod of the same namespace',
      [on('n1', 'first'), on('n2', 'second')],
      'Volume is already used by pod(s) first',
    ],
    [
      'by pods of other namespaces',
      [pod('first', { node: 'n1', meta: { namespace: 'far' } }), on('n2', 'second')],
      'Volume is already used by 1 pod(s) in different namespaces',
    ],
    [
      'by nobody any more',
      [on('n2', 'second')],
      "Volume is already exclusively attached to one node and can't be attached to another",
    ],
  ])('says that another node has it: %s', (_, pods, why) => {
    const { events } = plan({ pods, attachments: [attachment('n1', { attached: true })] })
    expect(
      events.map(({ pod: about, reason, message }) => [about.metadata.name, reason, message]),
    ).toEqual([['second', 'FailedAttachVolume', `Multi-Attach error for volume "disk" ${why}`]])
  })

  test('tells what its driver says', () => {
    const attachError = { message: 'no such disk' }
    const failed = attachment('n1', { attached: false, attachError })
    expect(plan({ pods: [on('n1')], attachments: [failed] }).events).toMatchObject([
      { type: 'Warning', message: 'AttachVolume.Attach failed for volume "disk" : no such disk' },
    ])
    const { steps } = plan({
      pods: [on('n1')],
      attachments: [attachment('n1', { attached: true })],
    })
    expect(steps).toMatchObject([
      { news: [{ message: 'AttachVolume.Attach succeeded for volume "disk"' }] },
    ])
  })
})
