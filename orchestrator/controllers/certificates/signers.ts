// What each signer of Kubernetes signs: whose names, beside which others, for which usages. Pure.
// Counterpart: pkg/controller/certificates/signer and pkg/apis/certificates/helpers.go, whose texts these are.

import type { AlternativeName, CertificateRequestContent } from '../../api/certificate-request.js'

export const kubeletClientSigner = 'kubernetes.io/kube-apiserver-client-kubelet'

const nodePrefix = 'system:node:'
const nodesGroup = 'system:nodes'

const unwanted: Readonly<Record<AlternativeName, string>> = {
  dns: 'DNS subjectAltNames are not allowed',
  email: 'Email subjectAltNames are not allowed',
  ip: 'IP subjectAltNames are not allowed',
  uri: 'URI subjectAltNames are not allowed',
}

type Rule = (request: CertificateRequestContent, usages: readonly string[]) => string | null

const rules: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ['kubernetes.io/kube-apiserver-client', (_, usages) => wrongClientUsage(usages)],
  [
    kubeletClientSigner,
    (request, usages) =>
      otherGroup(request) ??
      unwantedName(request, ['dns', 'email', 'ip', 'uri']) ??
      otherName(request) ??
      otherUsages(usages, ['client auth', 'digital signature', 'key encipherment']),
  ],
  [
    'kubernetes.io/kubelet-serving',
    (request, usages) =>
      otherGroup(request) ??
      noServer(request) ??
      unwantedName(request, ['email', 'uri']) ??
      otherUsages(usages, ['digital signature', 'key encipherment', 'server auth']) ??
      otherName(request),
  ],
  // Whatever it is: nothing trusts these certificates for anything in particular.
  ['kubernetes.io/legacy-unknown', () => null],
])

export const isOurSigner = (signerName: string): boolean => rules.has(signerName)

/** Why one of our signers does not sign this; null where it does. */
export function refusalBy(
  signerName: string,
  request: CertificateRequestContent,
  usages: readonly string[],
): string | null {
  const rule = rules.get(signerName)
  return rule === undefined ? 'the signer is not one of ours' : rule(request, usages)
}

/** Is it a kubelet's request for what it shows to API servers? */
export function isKubeletClient(
  signerName: string,
  request: CertificateRequestContent,
  usages: readonly string[],
): boolean {
  return signerName === kubeletClientSigner && refusalBy(signerName, request, usages) === null
}

function wrongClientUsage(usages: readonly string[]): string | null {
  const optional = ['digital signature', 'key encipherment']
  const wrong = usages.find(usage => usage !== 'client auth' && !optional.includes(usage))
  if (wrong !== undefined) return `invalid usage for client certificate: ${wrong}`
  return usages.includes('client auth')
    ? null
    : 'missing required usage for client certificate: client auth'
}

function noServer({ alternativeNames }: CertificateRequestContent): string | null {
  const named = alternativeNames.has('dns') || alternativeNames.has('ip')
  return named ? null : 'DNS or IP subjectAltName is required'
}

function otherGroup({ subject: { organizations } }: CertificateRequestContent): string | null {
  const nodes = organizations.length === 1 && organizations[0] === nodesGroup
  return nodes ? null : `subject organization is not ${nodesGroup}`
}

function otherName({ subject: { commonName } }: CertificateRequestContent): string | null {
  const node = commonName.startsWith(nodePrefix)
  return node ? null : `subject common name does not begin with ${nodePrefix}`
}

function unwantedName(
  { alternativeNames }: CertificateRequestContent,
  without: readonly AlternativeName[],
): string | null {
  const found = without.find(kind => alternativeNames.has(kind))
  return found === undefined ? null : unwanted[found]
}

/** Keys that are not RSA's do not encipher other keys, so that usage may be left out. */
function otherUsages(usages: readonly string[], required: readonly string[]): string | null {
  const asked = new Set(usages)
  const all = required.every(usage => asked.has(usage) || usage === 'key encipherment')
  const none = usages.every(usage => required.includes(usage))
  return all && none ? null : `usages did not match [${required.join(' ')}]`
}
