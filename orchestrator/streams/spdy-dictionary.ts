// The dictionary that both ends of SPDY/3.1 prime zlib with: the names of headers that were frequent,
// each behind its length, then values as plain text. Counterpart: section 2.6.10.1 of the SPDY/3.1
// draft; a client whose dictionary differs in one byte fails at its first stream.

/** A blank separates names; an underscore stands for a blank in one. */
const names = [
  'options head post put delete trace accept accept-charset accept-encoding',
  'accept-language accept-ranges age allow authorization cache-control connection',
  'content-base content-encoding content-language content-length content-location',
  'content-md5 content-range content-type date etag expect expires from host if-match',
  'if-modified-since if-none-match if-range if-unmodified-since last-modified location',
  'max-forwards pragma proxy-authenticate proxy-authorization range referer retry-after',
  'server te trailer transfer-encoding upgrade user-agent vary via warning',
  'www-authenticate method get status 200_OK version HTTP/1.1 url public set-cookie',
  'keep-alive origin',
]

const values = [
  '10010120120220520630030230330430530630740240540640740840941041141241341441541641',
  '7502504505203 Non-Authoritative Information204 No Content301 Moved Permanently40',
  '0 Bad Request401 Unauthorized403 Forbidden404 Not Found500 Internal Server Error',
  '501 Not Implemented503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug Sept O',
  'ct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMTchunked,text/html,imag',
  'e/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,text/',
  'javascript,publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1',
  ',utf-,*,enq=0.',
]

function build(): Uint8Array {
  const pieces: Buffer[] = []
  for (const word of names.join(' ').split(' ')) {
    const text = Buffer.from(word.replaceAll('_', ' '), 'latin1')
    const length = Buffer.alloc(4)
    length.writeUInt32BE(text.length)
    pieces.push(length, text)
  }
  pieces.push(Buffer.from(values.join(''), 'latin1'))
  return Buffer.concat(pieces)
}

export const spdyDictionary: Uint8Array = build()

/** Adler-32 of the dictionary, by which zlib names it. */
export const spdyDictionaryId = 0xe3c6a7c2
