import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Answer, AnswerReader } from './answer-reader.js'

/** What is read of a text that arrives in pieces of these lengths, the last as long as it takes. */
function answersIn(text: string, lengths: readonly number[]): readonly Answer[] {
  const answers: Answer[] = []
  const reader = new AnswerReader({
    keeps: () => true,
    piece: () => {},
    done: answer => answers.push(answer),
  })
  let rest = Buffer.from(text)
  for (const length of lengths) {
    reader.read(rest.subarray(0, length))
    rest = rest.subarray(length)
  }
  reader.read(rest)
  return answers
}

const answered = (status: string, headers: string, body: string) =>
  `HTTP/1.1 ${status}\r\n${headers}\r\n\r\n${body}`

test('answers are read the same however they are cut', () => {
  const text = [
    answered('200 OK', 'Content-Length: 11', 'hello\r\nall!'),
    answered(
      '404 Not Found',
      'Transfer-Encoding: chunked',
      '5\r\nhello\r\n3\r\n\r\n!\r\n0\r\n\r\n',
    ),
    answered('304 Not Modified', 'ETag: "x"', ''),
    answered('201 Created', 'Content-Length: 0', ''),
  ].join('')
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 40 })), lengths => {
      const seen = answersIn(text, lengths).map(
        ({ status, body }) => `${status} ${JSON.stringify(body.toString())}`,
      )
      expect(seen).toEqual(['200 "hello\\r\\nall!"', '404 "hello\\r\\n!"', '304 ""', '201 ""'])
    }),
  )
})
