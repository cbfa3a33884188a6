// What the port of a scheduler answers beside health and metrics: why a pod is where it is, and what would be if.
// API servers ask for users (see apiserver/scheduler-endpoints.ts). Kubernetes has no counterpart.

import { RaftsmanError } from '../../platform/errors.js'
import type { RunningScheduler } from './start-scheduler.js'
import { parseQuestion, QuestionError } from './core/what-if/question.js'

/** The same as those of serving/secure-server.ts, which this room does not know. */
export interface RouteQuestion {
  readonly method: 'GET' | 'POST'
  readonly query: URLSearchParams
  readonly body: Uint8Array
}

export interface RouteReply {
  readonly status: number
  readonly contentType: string
  readonly body: string
}

export type Route = (question: RouteQuestion) => Promise<RouteReply>

export function schedulerRoutes(scheduler: RunningScheduler): ReadonlyMap<string, Route> {
  return new Map<string, Route>([
    ['/explain', question => Promise.resolve(explained(scheduler, question))],
    ['/what-if', question => imagined(scheduler, question)],
  ])
}

function explained(scheduler: RunningScheduler, { method, query }: RouteQuestion): RouteReply {
  if (method !== 'GET') return text(405, 'only GET is answered here\n')
  if (!scheduler.leading) return notLeading
  const key = `${query.get('namespace') ?? ''}/${query.get('pod') ?? ''}`
  const explanation = scheduler.explanationOf(key)
  return explanation === null
    ? text(404, `no attempt to place pod ${key} is remembered\n`)
    : json(explanation)
}

async function imagined(
  scheduler: RunningScheduler,
  { method, body }: RouteQuestion,
): Promise<RouteReply> {
  if (method !== 'POST') return text(405, 'only POST is answered here\n')
  if (!scheduler.leading) return notLeading
  try {
    return json(await scheduler.whatIf(parseQuestion(body)))
  } catch (error) {
    if (error instanceof QuestionError) return text(422, `${error.message}\n`)
    if (error instanceof RaftsmanError && error.retryable) return text(503, `${error.message}\n`)
    throw error
  }
}

const notLeading = text(503, 'this scheduler does not lead\n')

function json(value: object): RouteReply {
  return { status: 200, contentType: 'application/json', body: JSON.stringify(value) }
}

function text(status: number, body: string): RouteReply {
  return { status, contentType: 'text/plain; charset=utf-8', body }
}
