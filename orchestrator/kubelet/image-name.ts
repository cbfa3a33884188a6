// Whether a text can name an image. Counterpart: distribution/reference. Pure.

const part = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*'
const label = '[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?'
const host = `(?:${label}(?:\\.${label})*|\\[[0-9a-fA-F:]+\\])(?::[0-9]+)?`
const name = `(?:${host}/)?${part}(?:/${part})*`
const tag = ':[0-9A-Za-z_][0-9A-Za-z_.-]{0,127}'
const digest = '@[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}'
const whole = new RegExp(`^${name}(?:${tag})?(?:${digest})?$`)
/** The name alone has at most 255. */
const charactersMax = 512

export const isImageName = (text: string): boolean =>
  text.length <= charactersMax && whole.test(text)
