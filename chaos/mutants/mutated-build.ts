// A copy of the compiled code with a mutant in it, in a temporary folder: only what the simulator needs,
// with the packages of the original. Several can live at once, each for processes of its own.

import { cpSync, mkdirSync, mkdtempSync, readFileSync } from 'node:fs'
import { rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join, sep } from 'node:path'
import type { ScenarioName } from '../simulation/scenario.js'
import type { Edit } from './mutant.js'
import { edited } from './mutant.js'

/** All that a simulation loads, whatever it is of. */
const rooms = [
  'platform',
  'raft',
  'store',
  join('chaos', 'checker'),
  join('chaos', 'simulation'),
  join('chaos', 'mutants'),
]

/** And what one of a control plane loads beside them. */
const roomsOf: Partial<Record<ScenarioName, readonly string[]>> = {
  'control-plane': ['orchestrator', 'testing'],
}

export interface MutatedBuild {
  /** The program that tries seeds. */
  readonly trial: string
  remove(): void
}

/** The node_modules that this program finds its packages in. */
function packages(): string {
  const found = createRequire(import.meta.url)
    .resolve('msgpackr')
    .split(sep)
  return found.slice(0, found.lastIndexOf('node_modules') + 1).join(sep)
}

/** `build`: the top folder of the compiled code. Throws when an edit has no place in it. */
export function mutatedBuild(
  build: string,
  edits: readonly Edit[],
  scenario: ScenarioName,
): MutatedBuild {
  const folder = mkdtempSync(join(tmpdir(), 'raftsman-mutant-'))
  const remove = () => rmSync(folder, { recursive: true, force: true })
  try {
    for (const room of [...rooms, ...(roomsOf[scenario] ?? [])]) {
      mkdirSync(join(folder, room), { recursive: true })
      cpSync(join(build, room), join(folder, room), {
        recursive: true,
        filter: path => !/\.(map|tsbuildinfo|d\.ts)$/.test(path),
      })
    }
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }\n')
    symlinkSync(packages(), join(folder, 'node_modules'))
    for (const edit of edits) {
      const path = join(folder, edit.file)
      writeFileSync(path, edited(readFileSync(path, 'utf8'), edit))
    }
  } catch (error) {
    remove()
    throw error
  }
  return { trial: join(folder, 'chaos', 'mutants', 'trial.js'), remove }
}
