// Conditions under which a webhook is asked, in CEL. Counterpart: plugin/webhook/matchconditions.

import { forbidden } from '../../../api/status.js'
import type { Authorizer } from '../../authorizer.js'
import type { ObjectReader } from '../../object-reader.js'
import type { MatchConditions } from '../webhooks.js'
import { PolicyRun } from './policy-run.js'
import { decideFor } from './rights.js'
import { shownName } from './validating-decision.js'

/** What comes of it throws ApiError Forbidden where conditions fail and the webhook may not. */
export function webhookConditions({
  reader,
  authorizer,
}: {
  readonly reader: Pick<ObjectReader, 'cachedAt'>
  readonly authorizer: Pick<Authorizer, 'verdict'>
}): MatchConditions {
  return ({ webhook }, request, kind, { object, old }) => {
    const { matchConditions = [], failurePolicy = 'Fail' } = webhook
    if (matchConditions.length === 0) return true
    const run = new PolicyRun(
      { matchConditions, failurePolicy },
      {
        request,
        kind,
        object,
        old,
        namespace: reader.cachedAt('', 'namespaces', '', request.namespace)?.object ?? null,
        params: null,
        decide: decideFor(authorizer, request.user),
      },
    )
    const matched = run.matches()
    if (typeof matched === 'string') return matched === 'yes'
    throw forbidden(request.kind, shownName(request), matched.error)
  }
}
