// A range in pages, all at the revision of the first, each asked for when the one before it has been
// used: a list of any length holds one page in memory. Works over every Store. Counterpart: the pager
// that users of etcd's client write themselves, as Kubernetes does.

import { RaftsmanError } from '../../platform/errors.js'
import type { KeyValue, RangeRequest, RangeResponse, ResponseHeader } from '../core/types.js'
import { clientError } from './call.js'
import type { Store } from './types.js'

export interface Page {
  /** Of the first page; its revision is what every page shows, and where a watch goes on behind. */
  readonly header: ResponseHeader
  readonly kvs: readonly KeyValue[]
  /** Another page follows. */
  readonly more: boolean
  /** Keys in the whole range, as the first page said. */
  readonly count: number
}

export type PagedRequest = Omit<
  RangeRequest,
  'limit' | 'countOnly' | 'paged' | 'sortOrder' | 'sortTarget'
>

export interface PageOptions {
  /** Keys of a page; 500 when absent. A page ends sooner when it is about 1 MiB long. */
  readonly pageKeys?: number
}

/**
 * Fails with `range-interrupted` when a compaction overtakes it and no revision was asked for: then
 * the pages so far are of a state that is gone, and the list is to be begun again. With a revision
 * it fails with `compacted`, before the first page or behind any.
 */
export async function* pagesOf(
  store: Pick<Store, 'range'>,
  request: PagedRequest,
  options: PageOptions = {},
): AsyncGenerator<Page, void, undefined> {
  const limit = options.pageKeys ?? 500
  let first: RangeResponse | null = null
  let { key } = request
  let { revision = 0 } = request
  for (;;) {
    let answer: RangeResponse
    try {
      answer = await store.range({ ...request, key, revision, limit, paged: true })
    } catch (error) {
      throw first === null ? error : overtaken(error, request)
    }
    first ??= answer
    if (revision === 0) ({ revision } = first.header)
    const { kvs, more } = answer
    yield { header: first.header, kvs, more, count: first.count }
    const last = kvs.at(-1)
    if (!more || last === undefined) return
    key = behind(last.key)
  }
}

/** The next key there can be: the same and a zero byte. */
function behind(key: Uint8Array): Uint8Array {
  const next = new Uint8Array(key.length + 1)
  next.set(key)
  return next
}

function overtaken(error: unknown, request: PagedRequest): unknown {
  const compacted = error instanceof RaftsmanError && error.code === 'compacted'
  if (!compacted || (request.revision ?? 0) > 0) return error
  return clientError('range-interrupted', 'a compaction overtook the pages; list again', {
    retryable: true,
  })
}
