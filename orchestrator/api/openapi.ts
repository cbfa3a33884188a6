import type { Kind } from './kind.js'
import type { JsonObject } from './object.js'
/** Paths as in the index of /openapi/v3: 'api/v1', 'apis/apps/v1'. */
export declare function openApiGroupVersions(
  kinds: readonly Kind[],
): readonly { readonly path: string; readonly group: string; readonly version: string }[]
/** The OpenAPI v3 document of one group and version. */
export declare function openApiV3(
  group: string,
  version: string,
  kinds: readonly Kind[],
): JsonObject
