import type { Kind } from './kind.js'
import type { JsonObject } from './object.js'
/** Body of /api. */
export declare function apiVersions(serverAddress: string): JsonObject
/** Body of /apis. */
export declare function apiGroupList(kinds: readonly Kind[]): JsonObject
/** Body of /apis/<group>; null when no kind is in it. */
export declare function apiGroup(kinds: readonly Kind[], group: string): JsonObject | null
/** Body of /api/v1 and /apis/<group>/<version>; null when no kind is in it. */
export declare function apiResourceList(
  kinds: readonly Kind[],
  group: string,
  version: string,
): JsonObject | null
/** Aggregated APIGroupDiscoveryList for /api (only the core group) or /apis (all others). version 'v2' or 'v2beta1'. */
export declare function aggregatedDiscovery(
  kinds: readonly Kind[],
  root: 'api' | 'apis',
  version: 'v2' | 'v2beta1',
): JsonObject
