// What calls of webhooks come to. Counterpart: apiserver/pkg/admission/metrics; names and labels are its.

import type { Counter, Histogram, Metrics } from '../../../platform/metrics.js'

export type WebhookType = 'admit' | 'validating'

export interface WebhookOutcome {
  readonly name: string
  readonly type: WebhookType
  /** As in rules: "CREATE". */
  readonly operation: string
  readonly seconds: number
  /** HTTP status; 200 where the webhook answered as it should. */
  readonly code: number
  readonly rejected: boolean
}

export type RejectionType = 'calling_webhook_error' | 'apiserver_internal_error' | 'no_error'

const codeMax = 600

export class WebhookMetrics {
  readonly #durations: Histogram
  readonly #requests: Counter
  readonly #rejections: Counter
  readonly #failOpens: Counter

  constructor(metrics: Metrics) {
    this.#durations = metrics.histogram(
      'apiserver_admission_webhook_admission_duration_seconds',
      'Time that a webhook took.',
      [0.005, 0.025, 0.1, 0.5, 1, 2.5, 10, 25],
      ['name', 'type', 'operation', 'rejected'],
    )
    this.#requests = metrics.counter(
      'apiserver_admission_webhook_request_total',
      'Calls of a webhook.',
      ['name', 'type', 'operation', 'code', 'rejected'],
    )
    this.#rejections = metrics.counter(
      'apiserver_admission_webhook_rejection_count',
      'Requests that a webhook refused, or that were refused because it did not answer.',
      ['name', 'type', 'operation', 'error_type', 'rejection_code'],
    )
    this.#failOpens = metrics.counter(
      'apiserver_admission_webhook_fail_open_count',
      'Requests that went on although a webhook did not answer.',
      ['name', 'type'],
    )
  }

  observe({ name, type, operation, seconds, code, rejected }: WebhookOutcome): void {
    const labels = { name, type, operation, rejected: String(rejected) }
    this.#durations.observe(seconds, labels)
    this.#requests.add(1, { ...labels, code: String(Math.min(code, codeMax)) })
  }

  rejected(
    { name, type, operation, code }: Omit<WebhookOutcome, 'seconds' | 'rejected'>,
    errorType: RejectionType,
  ): void {
    const rejection_code = String(errorType === 'no_error' ? Math.min(code, codeMax) : 0)
    this.#rejections.add(1, { name, type, operation, error_type: errorType, rejection_code })
  }

  failedOpen(name: string, type: WebhookType): void {
    this.#failOpens.add(1, { name, type })
  }
}
