// Does the same as tests/support/interop/default_credential.js, with Azure's library for Go.
package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

func valueOf(name, standard string) string {
	if value, ok := os.LookupEnv(name); ok {
		return value
	}
	return standard
}

func main() {
	// The library limits tools to ten seconds by itself, unless the call has a deadline.
	limit, _ := strconv.Atoi(valueOf("CALL_TOOL_TIMEOUT_IN_MS", "600000"))
	ctx := context.Background()
	if limit != 10000 {
		limited, cancel := context.WithTimeout(ctx, time.Duration(limit)*time.Millisecond)
		defer cancel()
		ctx = limited
	}
	start := time.Now()
	credential, err := azidentity.NewDefaultAzureCredential(nil)
	if err == nil {
		token, failure := credential.GetToken(ctx, policy.TokenRequestOptions{
			Scopes:   strings.Split(valueOf("CALL_SCOPES", "https://storage.azure.com/.default"), " "),
			TenantID: os.Getenv("CALL_TENANT_ID"),
			Claims:   os.Getenv("CALL_CLAIMS"),
		})
		if err = failure; err == nil {
			fmt.Println("token", token.Token)
		}
	}
	if err != nil {
		fmt.Printf("error %T: %v\n", err, err)
	}
	fmt.Printf("took %d ms\n", time.Since(start).Milliseconds())
}
