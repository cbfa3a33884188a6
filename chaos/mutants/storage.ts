// Mutants of the log on disk and of what surrounds it at a crash: docs/wal.md, section 7 of the paper.

import type { Mutant } from './mutant.js'

export const storageMutants: readonly Mutant[] = [
  {
    name: 'hard-state-lost-at-recovery',
    rule: 'term and vote come back after a restart (figure 2)',
    edits: [
      {
        file: 'raft/storage/replay.js',
        find: 'const { state, mark } = readHardState(payload); this.hardState = state;',
        replace: 'const { mark } = readHardState(payload);',
      },
    ],
    seedsMax: 10,
  },
  {
    name: 'answered-without-a-sync',
    rule: 'a write is answered when it has been synced (docs/wal.md, Writing)',
    edits: [
      {
        file: 'raft/storage/log.js',
        find: 'this.file.writeSynced(content, this.position,',
        replace: 'this.file.write(content, this.position,',
      },
    ],
    seedsMax: 10,
  },
  {
    name: 'synced-write-for-what-is-before-it',
    rule: 'a synced write makes nothing durable but itself (docs/wal.md, Writing)',
    edits: [
      {
        file: 'raft/storage/log.js',
        find: 'if (mustSync && this.durable === this.position)',
        replace: 'if (mustSync)',
      },
    ],
    seedsMax: 20,
  },
  {
    name: 'failed-sync-tried-again',
    rule: 'a failed sync ends the process: a second one may succeed and write nothing',
    edits: [
      {
        file: 'raft/storage/log.js',
        find: 'this.failed(error); return; } this.observeSync(',
        replace: 'this.sync(done); return; } this.observeSync(',
      },
    ],
    seedsMax: 20,
  },
  {
    name: 'checksum-not-compared',
    rule: 'a record counts when its checksum holds (docs/wal.md, A record)',
    edits: [
      {
        file: 'raft/storage/record.js',
        find: 'if (checksum(segment, offset, end, salt) !== crc) return null;',
        replace: '',
      },
    ],
    seedsMax: 250,
  },
  {
    name: 'torn-tail-left-in-place',
    rule: 'a torn tail is cut off, and every record names the one before it (docs/wal.md, Recovery)',
    edits: [
      { file: 'raft/storage/log-tail.js', find: 'scan.tornBytes === 0', replace: 'true' },
      {
        file: 'raft/storage/segment-scan.js',
        find: 'record === null || record.previousCrc !== this.lastCrc',
        replace: 'record === null',
      },
    ],
    seedsMax: 400,
  },
  {
    name: 'old-segment-left-unsynced',
    rule: 'a segment gets a successor when all of it is durable (docs/wal.md, Recovery)',
    edits: [
      {
        file: 'raft/storage/log.js',
        find: 'if (this.durable < this.position) {',
        replace: 'if (false) {',
      },
    ],
    seedsMax: 20,
  },
  {
    name: 'segment-named-before-its-header-is-durable',
    rule: 'a numbered file begins with a readable header (docs/wal.md, Files)',
    edits: [
      {
        file: 'raft/storage/segment-files.js',
        find: 'file.datasync(syncError => { if (syncError !== null) { done(asFatal(syncError)); return; }',
        replace: 'disk.freeBytes(directory, () => {',
      },
    ],
    seedsMax: 20,
  },
  {
    name: 'name-of-a-segment-not-synced',
    rule: 'a new segment is in its directory durably before it is written to (docs/wal.md, Files)',
    edits: [
      {
        file: 'raft/storage/segment-files.js',
        find: 'disk.syncDirectory(directory, error => done(error === null ? null : asFatal(error)));',
        replace: 'done(null);',
      },
    ],
    seedsMax: 10,
  },
  {
    name: 'segment-removed-before-the-cut-is-durable',
    rule: 'segments go once the compaction that spares them is durable (docs/wal.md, Payloads)',
    edits: [
      {
        file: 'raft/storage/log.js',
        find: '{ ...nothing, mustSync: removes, compaction: meta, done }',
        replace: '{ ...nothing, compaction: meta, done }',
      },
    ],
    seedsMax: 300,
  },
  {
    name: 'compacted-beyond-the-durable-state',
    rule: 'the log is cut where the state machine is durable (7; ARCHITECTURE.md)',
    edits: [
      {
        file: 'raft/compactor.js',
        find: 'const limit = Math.min(durable, applied);',
        replace: 'const limit = applied;',
      },
    ],
    seedsMax: 20,
  },
  {
    name: 'snapshot-acknowledged-before-it-is-there',
    rule: 'a snapshot is acknowledged when the state machine holds it (7)',
    edits: [
      {
        file: 'raft/node.js',
        find: 'if (!this.restore.holds(task)) this.write(task);',
        replace: 'this.restore.holds(task); this.write(task);',
      },
      { file: 'raft/node.js', find: 'for (const task of held) this.write(task);', replace: '' },
    ],
    seedsMax: 80,
  },
  {
    name: 'interrupted-restore-forgotten',
    rule: 'a crash between state and log of a snapshot is mended at the start (docs/wal.md, Payloads)',
    edits: [
      {
        file: 'raft/initial-state.js',
        find: 'restoring !== null && restoring.index === applied && restoring.index > snapshot.index',
        replace: 'false',
      },
    ],
    seedsMax: 60,
  },
]
