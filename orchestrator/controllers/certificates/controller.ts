// Signs what was approved, approves what kubelets may ask for, and removes what is done with or was never decided.
// Counterpart: the csrsigning, csrapproving and csrcleaner controllers. Without a key nothing is signed, and the
// log says so.

import { X509Certificate } from 'node:crypto'
import { decodeBase64, encodeBase64 } from '../../api/base64.js'
import type { CertificateSigningRequest } from '../../api/types/certificates.js'
import { isNotFound } from '../../client/api-error.js'
import {
  certificateSigningRequests,
  objectKey,
  subjectAccessReviews,
} from '../../client/resources.js'
import {
  type Controller,
  type ControllerContext,
  reconcilerQueue,
  runningController,
} from '../context.js'
import { WrittenVersions } from '../written-versions.js'
import type { CertificateSigner } from './certificate-signer.js'
import { isIssued, keptForMs, planApproval, planSigning, withCondition } from './reconcile.js'

const notShownYetMs = 100
/** Who had no right to it may be given one while the request waits. */
const askAgainMs = 60_000

export function startCertificateController(
  context: ControllerContext,
  signer: CertificateSigner | null,
): Controller {
  const { client, informers, clock, logger } = context
  const informer = informers.of(certificateSigningRequests)
  const written = new WrittenVersions()
  const signing = reconcilerQueue(context, { name: 'csr-signing', concurrency: 2, reconcile: sign })
  const approving = reconcilerQueue(context, {
    name: 'csr-approving',
    concurrency: 2,
    reconcile: approve,
  })
  const cleaning = reconcilerQueue(context, {
    name: 'csr-cleaner',
    concurrency: 1,
    reconcile: clean,
  })
  if (signer === null) {
    logger.warn(
      { controller: 'csr-signing' },
      'certificates are not signed: --cluster-signing-cert-file and -key-file are not given',
    )
  }

  async function sign(key: string): Promise<void> {
    const request = informer.objects.get(key)
    if (request === undefined || signer === null) return
    if (!written.shownBy(informer, key)) {
      signing.queue.addAfter(key, notShownYetMs)
      return
    }
    const plan = planSigning(request, clock.wallMs())
    if (plan.kind === 'nothing') return
    const signed =
      plan.kind === 'sign'
        ? await signer.sign(plan.order)
        : ({ kind: 'refused', why: plan.why } as const)
    if (signed.kind === 'refused') {
      const failed = { type: 'Failed', reason: 'SignerValidationFailure', message: signed.why }
      await writeStatus(key, withCondition(request, failed, clock.wallMs()))
      return
    }
    const certificate = encodeBase64(new TextEncoder().encode(signed.pem))
    await writeStatus(key, { ...request, status: { ...request.status, certificate } })
  }

  async function writeStatus(key: string, request: CertificateSigningRequest): Promise<void> {
    written.note(key, await client.updateStatus(certificateSigningRequests, request))
  }

  async function approve(key: string): Promise<void> {
    const request = informer.objects.get(key)
    if (request === undefined) return
    const approvals = planApproval(request)
    for (const { message, review } of approvals) {
      const { status } = await client.create(subjectAccessReviews, {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SubjectAccessReview',
        metadata: {},
        spec: review,
      })
      if (status?.allowed !== true) continue
      const approved = { type: 'Approved', reason: 'AutoApproved', message }
      await client.updateApproval(withCondition(request, approved, clock.wallMs()))
      return
    }
    if (approvals.length > 0) approving.queue.addAfter(key, askAgainMs)
  }

  async function clean(key: string): Promise<void> {
    const request = informer.objects.get(key)
    if (request === undefined) {
      written.forget(key)
      return
    }
    const leftMs = keptForMs(request, endOf(request), clock.wallMs())
    if (leftMs > 0) {
      cleaning.queue.addAfter(key, leftMs)
      return
    }
    const { name = '', uid = '', resourceVersion = '' } = request.metadata
    await client
      .delete(certificateSigningRequests, { name }, { uid, resourceVersion })
      .catch((error: unknown) => {
        if (!isNotFound(error)) throw error
      })
  }

  const changed = (request: CertificateSigningRequest) => {
    const key = objectKey(request)
    for (const { queue } of [signing, approving, cleaning]) queue.add(key)
  }
  const unsubscribe = [
    informer.addHandlers({
      onAdd: changed,
      onUpdate: changed,
      onDelete: request => cleaning.queue.add(objectKey(request)),
    }),
  ]
  const controllers = [
    runningController(context, { ...signing, unsubscribe }),
    runningController(context, { ...approving, unsubscribe: [] }),
    runningController(context, { ...cleaning, unsubscribe: [] }),
  ]
  return {
    stop() {
      for (const controller of controllers) controller.stop()
    },
  }
}

/** When its certificate ends. Null for what has none, or one that is not to be read: other signers write, too. */
function endOf(request: CertificateSigningRequest): number | null {
  if (!isIssued(request)) return null
  try {
    const { validTo } = new X509Certificate(decodeBase64(request.status?.certificate ?? ''))
    return Date.parse(validTo)
  } catch {
    return null
  }
}
