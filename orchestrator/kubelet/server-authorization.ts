// Who may ask a kubelet: the API servers, and members of system:masters. Counterpart: the kubelet's
// webhook authorisation, which is not needed where only these two come. Pure.

export interface PeerSubject {
  readonly commonName: string
  readonly organizations: readonly string[]
}

const apiserverIdentity = 'kube-apiserver-kubelet-client'
const mastersGroup = 'system:masters'

export const mayAskKubelet = ({ commonName, organizations }: PeerSubject): boolean =>
  commonName === apiserverIdentity || organizations.includes(mastersGroup)
