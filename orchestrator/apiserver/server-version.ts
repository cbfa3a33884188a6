// What /version says. Clients compare major and minor with their own for skew; the rest is ours.

import type { JsonObject } from '../api/object.js'

/** The Kubernetes release whose API is served. */
export const servedMinor = 32

export interface BuildVersion {
  /** Of Raftsman, as in package.json. */
  readonly version: string
  readonly gitCommit: string
  /** RFC 3339. */
  readonly buildDate: string
  /** As in process.version: "v20.11.1". */
  readonly runtime: string
  /** "linux/amd64". */
  readonly platform: string
}

export function versionDocument(build: BuildVersion): JsonObject {
  return {
    major: '1',
    minor: String(servedMinor),
    gitVersion: gitVersion(build),
    gitCommit: build.gitCommit,
    gitTreeState: 'clean',
    buildDate: build.buildDate,
    goVersion: build.runtime,
    compiler: 'node',
    platform: build.platform,
  }
}

/** A version of Kubernetes to clients that compare, one of ours to people. */
export function gitVersion(build: BuildVersion): string {
  return `v1.${servedMinor}.0+raftsman.${build.version}`
}
