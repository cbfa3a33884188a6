import { expect, test } from 'vitest'
import { sharesOf } from './cpu-profile.js'

const frame = (functionName: string, url: string, lineNumber = 9) => ({
  functionName,
  url,
  lineNumber,
})
const frames = [
  frame('(idle)', ''),
  frame('(garbage collector)', ''),
  frame('writev', ''),
  frame('emit', 'node:events'),
  frame('put', 'file:///somewhere/dist/store/core/kv.js'),
  frame('get', 'file:///somewhere/dist/store/core/keys/key-index.js'),
  frame('', 'file:///somewhere/node_modules/ws/lib/sender.js'),
  frame('run', 'file:///somewhere/node_modules/@grpc/grpc-js/build/src/call.js'),
]
const profile = {
  nodes: frames.map((callFrame, at) => ({ id: at + 1, callFrame })),
  startTime: 1_000,
  endTime: 1_000 + 11 * 100,
  // The first before the window, the last behind it.
  samples: [5, 1, 1, 2, 3, 4, 5, 6, 7, 8, 5],
  timeDeltas: Array.from({ length: 11 }, () => 100),
}

test('Time is told by part of the program and by function, within the window alone.', () => {
  const { windowMicros, parts, functions } = sharesOf(profile, 900, 100)
  expect(windowMicros).toBe(900)
  expect(Object.fromEntries(parts)).toEqual({
    idle: 2 / 9,
    'garbage collection': 1 / 9,
    'native code, system calls included': 1 / 9,
    node: 1 / 9,
    'store/core': 2 / 9,
    ws: 1 / 9,
    '@grpc/grpc-js': 1 / 9,
  })
  expect(functions.map(([name]) => name)).toEqual([
    'writev native',
    'emit node:events:10',
    'put store/core/kv.js:10',
    'get store/core/keys/key-index.js:10',
    '(anonymous) ws/lib/sender.js:10',
    'run @grpc/grpc-js/build/src/call.js:10',
  ])
})

test('What takes longest stands first.', () => {
  const { parts, functions } = sharesOf(profile, 1e9, 0)
  expect(parts[0]).toEqual(['store/core', 4 / 11])
  expect(functions[0]).toEqual(['put store/core/kv.js:10', 3 / 11])
})
