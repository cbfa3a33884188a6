// Requests of operators and their answers: alarms, space, the version of the cluster.

import { unreachable } from '../../platform/errors.js'
import type { PackedValue } from '../../platform/msgpack.js'
import type { Alarm, ResponseHeader } from '../core/types.js'
import type { Answer, Request } from './messages.js'
import { asFields, asFlag, asList, asName, asText, asUint } from './wire.js'

type Kind = 'alarm' | 'space' | 'clusterVersion'
type UpkeepRequest = Extract<Request, { kind: Kind }>
type UpkeepAnswer = Extract<Answer, { kind: Kind }>

const alarmActions = ['get', 'activate', 'deactivate'] as const
const alarmKinds = ['none', 'nospace', 'corrupt'] as const
const versionActions = ['get', 'validate', 'downgrade', 'cancel'] as const

/** The fields behind the id. */
export function encodeUpkeep(message: UpkeepRequest): readonly PackedValue[] {
  switch (message.kind) {
    case 'alarm': {
      const { action, kind, member } = message.request
      return [alarmActions.indexOf(action), alarmKinds.indexOf(kind), member]
    }
    case 'space':
      return [message.defragment]
    case 'clusterVersion': {
      const { action, target } = message.request
      return [versionActions.indexOf(action), target]
    }
    default:
      return unreachable(message)
  }
}

/** @throws ProtocolError */
export function decodeUpkeep(kind: Kind, id: number, fields: readonly unknown[]): UpkeepRequest {
  switch (kind) {
    case 'alarm': {
      const action = asName(fields[2], alarmActions, 'alarm action')
      const alarm = decodeAlarm(fields.slice(3))
      return { kind, id, request: { action, ...alarm } }
    }
    case 'space':
      return { kind, id, defragment: asFlag(fields[2], 'space defragment') }
    case 'clusterVersion': {
      const action = asName(fields[2], versionActions, 'clusterVersion action')
      const target = asText(fields[3], 'clusterVersion target')
      return { kind, id, request: { action, target } }
    }
    default:
      return unreachable(kind)
  }
}

export function encodeUpkeepAnswer(answer: UpkeepAnswer): PackedValue {
  switch (answer.kind) {
    case 'alarm':
      return [answer.response.alarms.map(({ kind, member }) => [alarmKinds.indexOf(kind), member])]
    case 'space': {
      const { fileBytes, inUseBytes, usedBytes, quotaBytes, defragmenting, givenBytes } =
        answer.response
      return [fileBytes, inUseBytes, usedBytes, quotaBytes, defragmenting, givenBytes]
    }
    case 'clusterVersion': {
      const { release, version, downgradeTo } = answer.response
      return [release, version, downgradeTo]
    }
    default:
      return unreachable(answer)
  }
}

/** @throws ProtocolError */
export function decodeUpkeepAnswer(
  kind: Kind,
  id: number,
  body: unknown,
  header: ResponseHeader,
): UpkeepAnswer {
  switch (kind) {
    case 'alarm': {
      const [list] = asFields(body, 1, 'alarm answer')
      const alarms = asList(list, 'alarms').map(value => decodeAlarm(asFields(value, 2, 'alarm')))
      return { kind, id, response: { header, alarms } }
    }
    case 'space': {
      const fields = asFields(body, 6, 'space answer')
      const response = {
        header,
        fileBytes: asUint(fields[0], 'space fileBytes'),
        inUseBytes: asUint(fields[1], 'space inUseBytes'),
        usedBytes: asUint(fields[2], 'space usedBytes'),
        quotaBytes: asUint(fields[3], 'space quotaBytes'),
        defragmenting: asFlag(fields[4], 'space defragmenting'),
        givenBytes: asUint(fields[5], 'space givenBytes'),
      }
      return { kind, id, response }
    }
    case 'clusterVersion': {
      const fields = asFields(body, 3, 'clusterVersion answer')
      const release = asText(fields[0], 'clusterVersion release')
      const version = asUint(fields[1], 'clusterVersion version')
      const downgradeTo = asText(fields[2], 'clusterVersion downgradeTo')
      return { kind, id, response: { header, release, version, downgradeTo } }
    }
    default:
      return unreachable(kind)
  }
}

function decodeAlarm(fields: readonly unknown[]): Alarm {
  const kind = asName(fields[0], alarmKinds, 'alarm kind')
  return { kind, member: asUint(fields[1], 'alarm member') }
}
