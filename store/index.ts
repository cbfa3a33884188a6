// The public door of store/ for programs that start members and talk to them. The apiserver needs
// the client alone and takes it from store/client.

export { StoreClient } from './client/store-client.js'
export type { StoreMember } from './server/options.js'
export { startStoreServer } from './server/server.js'
