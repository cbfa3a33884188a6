// `npm start`: install what is missing, build what is stale, bring the cluster up.

import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { root, setUp } from './setup.mjs'

setUp()
const main = join(root, 'dist', 'cli', 'main.js')
process.argv = [process.argv[0], main, 'up', ...process.argv.slice(2)]
await import(pathToFileURL(main).href)
