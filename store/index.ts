// The public door of store/: what the rooms above may use. The apiserver needs the client only; the
// command line also starts members.

export { StoreClient, type StoreClientOptions } from './client/store-client.js'
export type { LeaseKeeping } from './client/lease-keeper.js'
export type { Store, Watch, WatchHandlers } from './client/types.js'
export {
  deriveClusterId,
  type AutoCompaction,
  type StoreMember,
  type StoreServerOptions,
} from './server/options.js'
export { startStoreServer, type StoreServer, type StoreServerReady } from './server/server.js'
