import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { schemaFiles } from '../schema/catalogue.js'
import { typesSource } from './source.js'

for (const file of schemaFiles) {
  test(`the types of ${file.file} say what its schema says`, async () => {
    const path = fileURLToPath(new URL(`./${file.file}.ts`, import.meta.url))
    await expect(typesSource(file, schemaFiles)).toMatchFileSnapshot(path)
  })
}
