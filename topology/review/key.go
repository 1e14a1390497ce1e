package review

import (
	"bytes"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"

	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// minRSABits is the least size of an RSA key that may sign.
const minRSABits = 2048

// KeyOptions say how a key is opened.
type KeyOptions struct {
	// AgentSocket is ssh-agent's socket (SSH_AUTH_SOCK); empty: no agent.
	AgentSocket string
	// Passphrase asks for the passphrase of an encrypted key. Nil, where
	// nobody can be asked: an encrypted key is an error.
	Passphrase func(file string) ([]byte, error)
}

// Key signs reviews. Close it to let go of the agent.
type Key struct {
	signer ssh.Signer
	agent  io.Closer
}

// OpenKey opens a private key file, or, for a file that holds a public key,
// the agent's key of that fingerprint.
func OpenKey(file string, o KeyOptions) (*Key, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read key: %w", err)
	}
	if pub, _, _, _, perr := ssh.ParseAuthorizedKey(data); perr == nil && !bytes.Contains(data, []byte("PRIVATE KEY")) {
		return fromAgent(file, pub, o)
	}
	signer, err := ssh.ParsePrivateKey(data)
	var locked *ssh.PassphraseMissingError
	if errors.As(err, &locked) {
		signer, err = unlock(file, data, o)
	}
	if err != nil {
		return nil, fmt.Errorf("key %s: %w", file, err)
	}
	if err := usable(signer.PublicKey()); err != nil {
		return nil, fmt.Errorf("key %s: %w", file, err)
	}
	return &Key{signer: signer}, nil
}

func unlock(file string, data []byte, o KeyOptions) (ssh.Signer, error) {
	if o.Passphrase == nil {
		return nil, fmt.Errorf("it is encrypted and there is no terminal to ask for its passphrase on; load it with ssh-add and give --key %s.pub", file)
	}
	phrase, err := o.Passphrase(file)
	if err != nil {
		return nil, fmt.Errorf("ask for the passphrase: %w", err)
	}
	signer, err := ssh.ParsePrivateKeyWithPassphrase(data, phrase)
	if err != nil {
		return nil, fmt.Errorf("the passphrase does not open it: %w", err)
	}
	return signer, nil
}

func fromAgent(file string, pub ssh.PublicKey, o KeyOptions) (*Key, error) {
	private := strings.TrimSuffix(file, ".pub")
	if err := usable(pub); err != nil {
		return nil, fmt.Errorf("key %s: %w", file, err)
	}
	if o.AgentSocket == "" {
		return nil, fmt.Errorf("key %s is a public key and no ssh-agent runs (SSH_AUTH_SOCK is empty); give --key %s, or start ssh-agent and ssh-add it", file, private)
	}
	conn, err := net.Dial("unix", o.AgentSocket)
	if err != nil {
		return nil, fmt.Errorf("ssh-agent at SSH_AUTH_SOCK: %w", err)
	}
	signers, err := agent.NewClient(conn).Signers()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("ssh-agent at %s: list keys: %w", o.AgentSocket, err), conn.Close())
	}
	want := ssh.FingerprintSHA256(pub)
	for _, s := range signers {
		if ssh.FingerprintSHA256(s.PublicKey()) == want {
			return &Key{signer: s, agent: conn}, nil
		}
	}
	return nil, errors.Join(fmt.Errorf("ssh-agent holds %d keys, none is %s (%s); ssh-add %s", len(signers), file, want, private), conn.Close())
}

// usable refuses key types and sizes that no longer count as a signature.
func usable(pub ssh.PublicKey) error {
	switch pub.Type() {
	case ssh.KeyAlgoED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521,
		ssh.KeyAlgoSKED25519, ssh.KeyAlgoSKECDSA256:
		return nil
	case ssh.KeyAlgoRSA:
		crypto, ok := pub.(ssh.CryptoPublicKey)
		if !ok {
			return errors.New("an RSA key whose size cannot be told; use ssh-keygen -t ed25519")
		}
		key, ok := crypto.CryptoPublicKey().(*rsa.PublicKey)
		if !ok || key.N.BitLen() < minRSABits {
			return fmt.Errorf("an RSA key of fewer than %d bits; use ssh-keygen -t ed25519", minRSABits)
		}
		return nil
	}
	return fmt.Errorf("type %s cannot sign a review; use an ed25519, ecdsa or rsa key (ssh-keygen -t ed25519)", pub.Type())
}

// Fingerprint names the key as ssh-keygen -l prints it: SHA256:...
func (k *Key) Fingerprint() string { return ssh.FingerprintSHA256(k.signer.PublicKey()) }

// AuthorizedKey gives the public key as a line of an authorized_keys or, after
// a principal, an allowed-signers file; without a line end.
func (k *Key) AuthorizedKey() string {
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(k.signer.PublicKey())))
}

// Sign gives the armoured signature over data.
func (k *Key) Sign(data []byte) ([]byte, error) {
	sig, err := sshsig.Sign(bytes.NewReader(data), k.signer, sshsig.HashSHA512, Namespace)
	if err != nil {
		return nil, fmt.Errorf("sign with %s: %w", k.Fingerprint(), err)
	}
	return sshsig.Armor(sig), nil
}

// Close lets go of the agent, if there is one.
func (k *Key) Close() error {
	if k.agent == nil {
		return nil
	}
	return k.agent.Close()
}
