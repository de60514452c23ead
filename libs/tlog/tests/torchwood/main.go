// Checks and makes C2SP notes with an implementation that is not ours (filippo.io/torchwood), for test_torchwood.py.
package main

import (
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"log"
	"os"
	"strconv"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func main() {
	switch os.Args[1] {
	case "verify": // POLICY PROOF LEAF: verify FILE FILE HEX
		verify(os.Args[2], os.Args[3], os.Args[4])
	case "make": // SIZE INDEX: a log, a witness, and a proof, as JSON
		size, err := strconv.ParseInt(os.Args[2], 10, 64)
		check(err)
		index, err := strconv.ParseInt(os.Args[3], 10, 64)
		check(err)
		mint(size, index)
	}
}

func verify(policyPath, proofPath, leaf string) {
	text, err := os.ReadFile(policyPath)
	check(err)
	policy, err := torchwood.ParsePolicy(text)
	check(err)
	proof, err := os.ReadFile(proofPath)
	check(err)
	var hash tlog.Hash
	_, err = hex.Decode(hash[:], []byte(leaf))
	check(err)
	check(torchwood.VerifyProof(policy, hash, proof))
}

type hashes []tlog.Hash

func (h hashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	read := []tlog.Hash{}
	for _, index := range indexes {
		read = append(read, h[index])
	}
	return read, nil
}

func mint(size, index int64) {
	stored := hashes{}
	for i := int64(0); i < size; i++ {
		added, err := tlog.StoredHashes(i, []byte(strconv.FormatInt(i, 10)), stored)
		check(err)
		stored = append(stored, added...)
	}
	root, err := tlog.TreeHash(size, stored)
	check(err)
	proof, err := tlog.ProveRecord(size, index, stored)
	check(err)

	skey, vkey, err := note.GenerateKey(zero{}, "log.example/torchwood")
	check(err)
	signer, err := note.NewSigner(skey)
	check(err)
	witness, err := torchwood.NewCosignatureSigner("witness.example/torchwood", ed25519.NewKeyFromSeed(seed()))
	check(err)
	checkpoint := torchwood.Checkpoint{
		Origin: "log.example/torchwood", Tree: tlog.Tree{N: size, Hash: root}}
	signed, err := note.Sign(&note.Note{Text: checkpoint.String()}, signer, witness)
	check(err)
	check(json.NewEncoder(os.Stdout).Encode(map[string]string{
		"log":     vkey,
		"witness": witness.Verifier().String(),
		"proof":   string(torchwood.FormatProofWithExtraData(index, []byte("extra"), proof, signed)),
	}))
}

type zero struct{}

func (zero) Read(p []byte) (int, error) { return len(p), nil }

func seed() []byte {
	s := [ed25519.SeedSize]byte{7}
	return s[:]
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
