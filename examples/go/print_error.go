package main

import (
	"fmt"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"
)

// Prints all that an error of the server says: its code, a reason to match on, facts, and the fields at fault.
func printError(err error) {
	failure := status.Convert(err)
	fmt.Printf("error: %v: %s\n", failure.Code(), failure.Message())
	for _, detail := range failure.Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			fmt.Printf("error: reason %s %v\n", detail.Reason, detail.Metadata)
		case *errdetails.BadRequest:
			for _, violation := range detail.FieldViolations {
				fmt.Printf("error: field %s: %s\n", violation.Field, violation.Description)
			}
		case *errdetails.RetryInfo:
			fmt.Printf("error: try again in %v\n", detail.RetryDelay.AsDuration())
		}
	}
}
