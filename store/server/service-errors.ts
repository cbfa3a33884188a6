// Why a member cannot serve just now, and what a client does about it.

import { RaftsmanError } from '../../platform/errors.js'

export function noLeader(): RaftsmanError {
  return new RaftsmanError('the cluster has no leader at the moment; try again in a moment', {
    code: 'no-leader',
    retryable: true,
    outcome: 'not-applied',
  })
}

export function notLeader(): RaftsmanError {
  return new RaftsmanError('this member is not the leader any more', {
    code: 'not-leader',
    retryable: true,
    outcome: 'not-applied',
  })
}

export function stopping(): RaftsmanError {
  return new RaftsmanError('the member is stopping; ask another one', {
    code: 'stopped',
    retryable: true,
    outcome: 'not-applied',
  })
}

export function tooManyRequests(): RaftsmanError {
  return new RaftsmanError(
    'too many requests are under way on this member; try again in a moment',
    {
      code: 'too-many-requests',
      retryable: true,
      outcome: 'not-applied',
    },
  )
}

export function diskFull(): RaftsmanError {
  return new RaftsmanError('the disk of this member is full; make room and it goes on by itself', {
    code: 'disk-full',
    retryable: true,
    outcome: 'not-applied',
  })
}
