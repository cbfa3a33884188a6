// Images for tests as OCI layouts: busybox, and nothing else. Nothing is pulled from anywhere.

import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface ImageChoices {
  readonly entrypoint: readonly string[]
  readonly command?: readonly string[]
  readonly env?: readonly string[]
  /** As in a Dockerfile. */
  readonly user?: string
  readonly workingDirectory?: string
}

export interface Blob {
  readonly digest: string
  readonly content: Buffer
}

export interface TestImage {
  readonly manifest: Blob
  readonly config: Blob
  readonly layer: Blob
}

const applets = [
  'cat',
  'echo',
  'env',
  'hostname',
  'httpd',
  'id',
  'ls',
  'mkdir',
  'nc',
  'rm',
  'sh',
  'sleep',
  'stty',
  'tar',
  'touch',
  'true',
  'false',
  'wget',
  'head',
  'dd',
  'grep',
  'kill',
  'date',
  'seq',
  'ps',
  'chmod',
]

const blobOf = (content: Buffer): Blob => ({
  digest: `sha256:${createHash('sha256').update(content).digest('hex')}`,
  content,
})

let layer: Blob | null = null

/** /bin with busybox under all its names, /etc/passwd, /tmp. The same for all images. */
function busyboxLayer(): Blob {
  if (layer !== null) return layer
  const directory = mkdtempSync(join(tmpdir(), 'image-'))
  try {
    for (const name of ['bin', 'etc', 'tmp', 'proc', 'sys', 'dev', 'root']) {
      mkdirSync(join(directory, name))
    }
    copyFileSync('/bin/busybox', join(directory, 'bin/busybox'))
    for (const name of applets) symlinkSync('busybox', join(directory, 'bin', name))
    const users = 'root:x:0:0:root:/root:/bin/sh\nworker:x:1234:1234:worker:/tmp:/bin/sh\n'
    writeFileSync(join(directory, 'etc/passwd'), users)
    writeFileSync(join(directory, 'etc/group'), 'root:x:0:\nworker:x:1234:\n')
    const options = ['--sort=name', '--owner=0', '--group=0', '--numeric-owner', '--mtime=@0']
    const tar = execFileSync('tar', [...options, '-C', directory, '-c', '.'], {
      maxBuffer: 64 * 1024 * 1024,
    })
    layer = blobOf(tar)
    return layer
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

const architectures: Readonly<Record<string, string>> = { x64: 'amd64' }

export function testImage(choices: ImageChoices): TestImage {
  const { entrypoint, command, env = [], user = '', workingDirectory = '' } = choices
  const contents = busyboxLayer()
  const config = blobOf(
    Buffer.from(
      JSON.stringify({
        architecture: architectures[process.arch] ?? process.arch,
        os: 'linux',
        config: {
          Entrypoint: entrypoint,
          ...(command === undefined ? {} : { Cmd: command }),
          Env: ['PATH=/bin', ...env],
          User: user,
          WorkingDir: workingDirectory,
        },
        rootfs: { type: 'layers', diff_ids: [contents.digest] },
        history: [],
      }),
    ),
  )
  const part = (mediaType: string, { digest, content }: Blob) => ({
    mediaType: `application/vnd.oci.image.${mediaType}`,
    digest,
    size: content.length,
  })
  const manifest = blobOf(
    Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: 'application/vnd.oci.image.manifest.v1+json',
        config: part('config.v1+json', config),
        layers: [part('layer.v1.tar', contents)],
      }),
    ),
  )
  return { manifest, config, layer: contents }
}

/** Writes a tar file with the image under its name, for `ctr images import`. */
export function writeImageArchive(path: string, name: string, image: TestImage): void {
  const directory = mkdtempSync(join(tmpdir(), 'layout-'))
  try {
    mkdirSync(join(directory, 'blobs/sha256'), { recursive: true })
    for (const { digest, content } of [image.manifest, image.config, image.layer]) {
      writeFileSync(join(directory, 'blobs/sha256', digest.slice('sha256:'.length)), content)
    }
    writeFileSync(join(directory, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }))
    const entry = {
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      digest: image.manifest.digest,
      size: image.manifest.content.length,
      annotations: { 'io.containerd.image.name': name },
    }
    writeFileSync(
      join(directory, 'index.json'),
      JSON.stringify({ schemaVersion: 2, manifests: [entry] }),
    )
    writeFileSync(
      path,
      execFileSync('tar', ['-C', directory, '-c', '.'], { maxBuffer: 64 * 1024 * 1024 }),
    )
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}
