// What a machine of the control plane runs: a member of the store as in the scenario `store`, and the rest of a
// master beside it, which has the machine's power in common with it and nothing else.

import type { RaftsmanError } from '../../../platform/errors.js'
import type { Life } from '../program.js'
import type { MemberProgramOptions } from '../store/member-program.js'
import { MemberProgram } from '../store/member-program.js'
import type { Master } from './master.js'

export class MasterProgram extends MemberProgram {
  private readonly master: Master | null

  constructor(options: MemberProgramOptions, master: Master | null) {
    super(options)
    this.master = master
  }

  override start(life: Life, done: (error: RaftsmanError | null) => void): void {
    super.start(life, done)
    this.master?.boot()
  }

  override powerCut(): void {
    super.powerCut()
    this.master?.dark()
  }
}
