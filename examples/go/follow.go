package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pb "example.com/prunecast/gen/prunecast/v1"
)

const giveUpAfter = time.Minute

// A stream that brings the next event of a job.
type events func() (*pb.JobEvent, error)

// Follows a job from its start to its end: each event is shown once, also when the connection is lost on the way.
// The job goes on without its caller; WatchJob gives what came after the last event that was seen.
func (s *server) follow(ctx context.Context, open func() (events, error), show func(*pb.JobEvent)) (*pb.JobEnded, error) {
	jobID, last, heard := "", int64(0), time.Time{} // nothing was heard yet: a server that is not there is not waited for
	for {
		next, err := open()
		for err == nil {
			var event *pb.JobEvent
			if event, err = next(); err != nil {
				break
			}
			heard = time.Now()
			if event.Sequence <= last { // a heartbeat, or progress before there is a job: neither is numbered
				continue
			}
			jobID, last = event.JobId, event.Sequence
			show(event)
			if ended := event.GetEnded(); ended != nil {
				return ended, status.FromProto(ended.Error).Err() // no error: nil
			}
		}
		if !errors.Is(err, io.EOF) && status.Code(err) != codes.Unavailable || time.Since(heard) > giveUpAfter {
			return nil, err
		}
		fmt.Printf("lost the server after event %d, resuming: %v\n", last, err)
		time.Sleep(time.Second)
		if jobID != "" {
			open = start(ctx, s.jobs.WatchJob, &pb.WatchJobRequest{JobId: jobID, AfterSequence: last})
		}
	}
}

// All calls that give events of a job are alike: a request in, a stream of responses with an event each out.
func start[Request any, Response interface{ GetEvent() *pb.JobEvent }, Stream interface{ Recv() (Response, error) }](
	ctx context.Context,
	call func(context.Context, Request, ...grpc.CallOption) (Stream, error),
	request Request,
) func() (events, error) {
	return func() (events, error) {
		stream, err := call(ctx, request)
		if err != nil {
			return nil, err
		}
		return func() (*pb.JobEvent, error) {
			response, err := stream.Recv()
			if err != nil {
				return nil, err
			}
			return response.GetEvent(), nil
		}, nil
	}
}
